// Settings as text: the resolved config, the list of every key, the difference between two configs.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/config/config.h"
#include "core/config/field_words.h"
#include "core/json/json_text.h"
#include "core/json/json_tree.h"
#include "core/text.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& json, int indent = -1) {
  return json.dump(indent, ' ', false, Json::error_handler_t::replace);
}

struct ToJson {
  template <class T>
  Json operator()(const T* value) const {
    return *value;
  }
  template <class T>
  Json operator()(const std::optional<T>* value) const {
    return *value ? Json(**value) : Json(nullptr);
  }
  Json operator()(const std::vector<LabelledPath>* value) const {
    Json list = Json::array();
    for (const LabelledPath& file : *value) {
      list.push_back(file.domain.empty() ? Json(file.path) : Json{{"path", file.path}, {"domain", file.domain}});
    }
    return list;
  }
};

Json json_of(const FieldValue& value) {
  return std::visit([](auto* target) { return ToJson{}(target); }, value);
}

class Writer final : public Fields {
 public:
  std::string text() const { return dump(root_, 2) + "\n"; }

 protected:
  void field(std::string_view key, FieldValue value, std::string_view, const FieldRules&) override {
    (*open_.back())[std::string(key)] = json_of(value);
  }
  // Pointers to open sections stay valid: a parent gets its next key only after this one is closed.
  void begin_section(std::string_view key, std::string_view) override {
    open_.push_back(&((*open_.back())[std::string(key)] = Json::object()));
  }
  void end_section() override { open_.pop_back(); }

 private:
  Json root_ = Json::object();
  std::vector<Json*> open_ = {&root_};
};

class Describer final : public Fields {
 public:
  std::string text() const {
    size_t widths[3] = {};
    for (const Row& row : rows_) {
      for (size_t i = 0; i < 3; ++i) widths[i] = std::max(widths[i], std::min(row.columns[i].size(), kWidest));
    }
    std::string text;
    for (const Row& row : rows_) {
      if (row.columns[0].empty()) {
        text += (text.empty() ? "" : "\n") + row.help + "\n";
        continue;
      }
      text += "  ";
      for (size_t i = 0; i < 3; ++i) {
        text += row.columns[i];
        text.append(row.columns[i].size() < widths[i] ? widths[i] - row.columns[i].size() : 0, ' ');
        text += "  ";
      }
      text += row.help + "\n";
    }
    return text;
  }

 protected:
  void field(std::string_view key, FieldValue value, std::string_view help, const FieldRules& rules) override {
    std::string told(help);
    std::vector<std::string> aliases(rules.aliases.begin(), rules.aliases.end());
    if (rules.switch_alias) aliases.emplace_back(rules.switch_alias->key);
    if (!aliases.empty()) told += " (also " + join(aliases, ", ") + ")";
    // A key after a nested section belongs to the outer one again, and gets its heading again.
    if (heading_ != sections_.back()) add_heading(sections_.back().empty() ? "top level" : sections_.back());
    rows_.push_back({{dotted(sections_.back(), key), accepted_values(value, rules), dump(json_of(value))}, told});
  }
  void begin_section(std::string_view key, std::string_view help) override {
    sections_.push_back(dotted(sections_.back(), key));
    add_heading(sections_.back() + ": " + std::string(help));
  }
  void end_section() override { sections_.pop_back(); }

 private:
  // One longer cell pushes its own row to the right, not every row.
  static constexpr size_t kWidest = 44;

  // A setting: key, accepted values, value, help. A heading: only help.
  struct Row {
    std::string columns[3];
    std::string help;
  };

  void add_heading(const std::string& heading) {
    rows_.push_back({{}, heading});
    heading_ = sections_.back();
  }

  std::vector<Row> rows_;
  std::vector<std::string> sections_ = {""};
  std::string heading_;  // the section of the last heading
};

using Flat = std::vector<std::pair<std::string, std::string>>;

void flatten(const JsonTree& tree, const std::string& key, Flat& flat) {
  if (!tree.is(JsonTree::Kind::kObject)) return void(flat.emplace_back(key, to_json(tree)));
  for (const auto& [name, value] : tree.members) flatten(value, dotted(key, name), flat);
}

Flat flatten(const std::string& text, const char* where) {
  Problems problems;
  const std::optional<JsonTree> tree = parse_json(text, where, problems);
  problems.throw_if_any();
  Flat flat;
  flatten(*tree, "", flat);
  return flat;
}

const std::string* find(const Flat& flat, const std::string& key) {
  const auto found = std::find_if(flat.begin(), flat.end(), [&](const auto& entry) { return entry.first == key; });
  return found == flat.end() ? nullptr : &found->second;
}

}  // namespace

std::string write_config(const VisitFields& visit) {
  Writer writer;
  visit(writer);
  return writer.text();
}

std::string describe_config(const VisitFields& visit) {
  Describer describer;
  visit(describer);
  return describer.text();
}

std::vector<std::string> config_keys(const VisitFields& visit) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : flatten(write_config(visit), "config")) keys.push_back(key);
  return keys;
}

std::vector<std::string> diff_config(const std::string& before, const std::string& after) {
  const Flat old_values = flatten(before, "old config"), new_values = flatten(after, "new config");
  std::vector<std::string> differences;
  for (const auto& [key, value] : new_values) {
    const std::string* old_value = find(old_values, key);
    if (old_value == nullptr || *old_value != value) {
      differences.push_back(key + ": " + (old_value ? *old_value : "none") + " -> " + value);
    }
  }
  for (const auto& [key, value] : old_values) {
    if (find(new_values, key) == nullptr) differences.push_back(key + ": " + value + " -> none");
  }
  return differences;
}

}  // namespace mm
