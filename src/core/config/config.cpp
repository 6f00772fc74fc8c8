// Reading: each source (the file, then every override) is one walk over the fields, so that later sources win and
// each message names the source it is about.
#include "core/config/config.h"

#include <algorithm>

#include "core/config/read_value.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "core/json/json_tree.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr size_t kMaxConfigBytes = size_t{16} << 20;
constexpr const char* kOverrides = "--set";

using Kind = JsonTree::Kind;

// Every name a config knows and the section that owns it.
class NameIndex final : public Fields {
 public:
  struct Name {
    std::string section;
    std::string key;       ///< as a user may write it
    std::string real_key;  ///< what `key` is an alias of, else the same
    bool is_section = false;
  };

  const std::vector<Name>& names() const { return names_; }

  /// The only section besides `section` that knows `key`; null when there is none or several.
  const Name* elsewhere(std::string_view section, std::string_view key) const {
    const Name* found = nullptr;
    for (const Name& name : names_) {
      if (name.key != key || name.section == section) continue;
      if (found != nullptr) return nullptr;
      found = &name;
    }
    return found;
  }

 protected:
  void field(std::string_view key, FieldValue, std::string_view, const FieldRules& rules) override {
    names_.push_back({section_, std::string(key), std::string(key)});
    for (const std::string_view alias : rules.aliases) {
      names_.push_back({section_, std::string(alias), std::string(key)});
    }
    if (rules.switch_alias) names_.push_back({section_, std::string(rules.switch_alias->key), std::string(key)});
  }
  void begin_section(std::string_view key, std::string_view) override {
    names_.push_back({section_, std::string(key), std::string(key), true});
    parents_.push_back(section_);
    section_ = dotted(section_, key);
  }
  void end_section() override {
    section_ = parents_.back();
    parents_.pop_back();
  }

 private:
  std::vector<Name> names_;
  std::string section_;
  std::vector<std::string> parents_;
};

// Reads one source.
class Reader final : public Fields {
 public:
  Reader(const ConfigSource& source, const NameIndex& names, Problems& problems)
      : source_(source.name), bare_words_(source.is_override), names_(names), problems_(problems) {
    levels_.push_back({&source.tree, "", {}});
    if (source.tree.is(Kind::kObject)) return;
    problems_.add(source_, show_json(source.tree), "an object",
                  "a config is a JSON object with one object for each section");
    levels_.back().object = nullptr;
  }

  void finish() { report_unknown_keys(); }

 protected:
  void field(std::string_view key, FieldValue value, std::string_view help, const FieldRules& rules) override {
    std::vector<std::string_view> names = {key};
    names.insert(names.end(), rules.aliases.begin(), rules.aliases.end());
    if (rules.switch_alias) names.push_back(rules.switch_alias->key);
    std::string_view given_as;
    const JsonTree* given = nullptr;
    for (const std::string_view name : names) {
      const JsonTree* tree = find(name);
      if (tree != nullptr && given != nullptr) {
        problems_.add(where(name), "both " + backticked(given_as) + " and " + backticked(name), "one of them",
                      "they are names of one setting");
        return;
      }
      if (tree == nullptr) continue;
      given = tree;
      given_as = name;
    }
    if (given == nullptr) return;
    const Setting setting{where(given_as), std::string(key).append(": ").append(help), rules, bare_words_};
    if (rules.switch_alias && given_as == rules.switch_alias->key) {
      read_switch(*given, setting, std::get<std::string*>(value), problems_);
    } else {
      read_value(*given, setting, value, problems_);
    }
  }

  void begin_section(std::string_view key, std::string_view) override {
    const JsonTree* tree = find(key);
    if (tree != nullptr && !tree->is(Kind::kObject)) {
      problems_.add(where(key), show_json(*tree), "an object", backticked(key) + " is a section of settings");
      tree = nullptr;
    }
    levels_.push_back({tree, dotted(levels_.back().section, key), {}});
  }

  void end_section() override {
    report_unknown_keys();
    levels_.pop_back();
  }

 private:
  struct Level {
    const JsonTree* object;  // null when this source says nothing of the section
    std::string section;
    std::vector<std::string> known;
  };

  const JsonTree* find(std::string_view key) {
    Level& level = levels_.back();
    level.known.emplace_back(key);
    if (level.object == nullptr) return nullptr;
    for (const auto& [name, tree] : level.object->members) {
      if (name == key) return &tree;
    }
    return nullptr;
  }

  std::string where(std::string_view key) const {
    return source_ + ":" + show_key(dotted(levels_.back().section, key));
  }

  void report_unknown_keys() {
    // A file of something else has any number of them, each of which takes a while to find the nearest name for.
    constexpr int64_t kMostExplained = 20;
    const Level& level = levels_.back();
    if (level.object == nullptr) return;
    int64_t unknown = 0;
    for (const auto& [key, tree] : level.object->members) {
      if (std::find(level.known.begin(), level.known.end(), key) != level.known.end()) continue;
      if (++unknown > kMostExplained) continue;
      const std::string want = level.section.empty() ? "a section" : "a key of " + backticked(level.section);
      problems_.add(where(key), "an unknown key", want, remedy_for_unknown(level, key));
    }
    const std::string place = level.section.empty() ? source_ : source_ + ":" + level.section;
    if (unknown > kMostExplained) {
      problems_.add(place, format("%lld more unknown keys", static_cast<long long>(unknown - kMostExplained)),
                    "settings of this program", "check that it is the file you meant");
    }
  }

  std::string remedy_for_unknown(const Level& level, const std::string& key) const {
    if (const NameIndex::Name* other = names_.elsewhere(level.section, key)) {
      return "it is " + backticked(dotted(other->section, other->real_key));
    }
    const std::string nearest = nearest_name(key, level.known);
    return nearest.empty() ? "--describe lists every key" : did_you_mean(backticked(nearest));
  }

  std::string source_;
  bool bare_words_;
  const NameIndex& names_;
  Problems& problems_;
  std::vector<Level> levels_;
};

/// The object at a dotted path; null when there is none.
const JsonTree* find_section(const JsonTree& root, std::string_view path) {
  const JsonTree* found = &root;
  while (found != nullptr && !path.empty()) {
    const size_t dot = path.find('.');
    found = find_member(*found, path.substr(0, dot));
    path.remove_prefix(dot == std::string_view::npos ? path.size() : dot + 1);
  }
  return found;
}

std::optional<JsonTree> read_tree(const std::string& path, Problems& problems) {
  try {
    return parse_json(read_file(path, ExitCode::kConfig, kMaxConfigBytes), path, problems);
  } catch (const Error& error) {
    problems.add(error.what());
    return std::nullopt;
  }
}

// `a.b=value` as {"a": {"b": value}}.
std::optional<JsonTree> parse_override(const std::string& text, Problems& problems) {
  const size_t equals = text.find('=');
  const std::string key = text.substr(0, equals);
  const bool well_formed = equals != std::string::npos && !key.empty() && key.front() != '.' && key.back() != '.' &&
                           key.find("..") == std::string::npos;
  if (!well_formed) {
    problems.add(kOverrides, show_text(text), "section.key=value", "for example --set train.steps=1000");
    return std::nullopt;
  }

  const std::string value = text.substr(equals + 1);
  Problems syntax;
  std::optional<JsonTree> tree = parse_json(value, std::string(kOverrides) + ":" + show_key(key), syntax);
  if (!tree && (value.starts_with('{') || value.starts_with('['))) {
    for (const std::string& message : syntax.messages()) problems.add(message);
    return std::nullopt;
  }
  if (!tree) {
    tree.emplace();
    tree->kind = Kind::kString;
    tree->text = value;
  }
  size_t end = key.size();
  while (true) {
    const size_t dot = key.rfind('.', end - 1);
    const size_t start = dot == std::string::npos ? 0 : dot + 1;
    JsonTree object;
    object.kind = Kind::kObject;
    object.members.push_back({key.substr(start, end - start), std::move(*tree)});
    tree = std::move(object);
    if (start == 0) return tree;
    end = dot;
  }
}

void read_sources(const std::vector<ConfigSource>& sources, const VisitFields& visit, Problems& problems) {
  NameIndex names;
  visit(names);
  for (const ConfigSource& source : sources) {
    Reader reader(source, names, problems);
    visit(reader);
    reader.finish();
  }
}

}  // namespace

void read_config(const std::string& path, const std::vector<std::string>& overrides, const VisitFields& visit,
                 Problems& problems, const PrepareSources& prepare) {
  std::vector<ConfigSource> sources;
  const auto add_source = [&](std::optional<JsonTree> tree, const std::string& name, bool is_override) {
    if (tree) sources.push_back({name, is_override, std::move(*tree)});
  };
  if (!path.empty()) add_source(read_tree(path, problems), path, false);
  for (const std::string& text : overrides) add_source(parse_override(text, problems), kOverrides, true);
  if (prepare) prepare(sources);

  read_sources(sources, visit, problems);
}

void read_config_text(const std::string& text, const std::string& where, const VisitFields& visit, Problems& problems) {
  std::optional<JsonTree> tree = parse_json(text, where, problems);
  if (tree) read_sources({{where, false, std::move(*tree)}}, visit, problems);
}

std::vector<std::string> said_keys(const ConfigSource& source, const VisitFields& visit) {
  NameIndex index;
  visit(index);
  std::vector<std::string> keys;
  for (const NameIndex::Name& name : index.names()) {
    const JsonTree* section = find_section(source.tree, name.section);
    const JsonTree* value = section == nullptr ? nullptr : find_member(*section, name.key);
    const bool said = value != nullptr && !value->is(Kind::kNull) && !name.is_section;
    if (said) keys.push_back(dotted(name.section, name.real_key));
  }
  return keys;
}

std::vector<std::string> setting_names(const VisitFields& visit) {
  NameIndex index;
  visit(index);
  std::vector<std::string> names;
  for (const NameIndex::Name& name : index.names()) names.push_back(dotted(name.section, name.key));
  return names;
}

}  // namespace mm
