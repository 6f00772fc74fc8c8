// One overload for each type of setting; none converts silently.
#include "core/config/read_value.h"

#include <algorithm>

#include "core/characters/utf8.h"
#include "core/config/field_words.h"
#include "core/json/json_text.h"
#include "core/rough_text.h"
#include "core/text.h"

namespace mm {
namespace {

using Kind = JsonTree::Kind;

class ValueReader {
 public:
  ValueReader(const Setting& setting, std::string want, Problems& problems)
      : setting_(setting), want_(std::move(want)), problems_(problems) {}

  void read(const JsonTree& tree, bool& target) {
    if (!tree.is(Kind::kBool)) return refuse(tree, Kind::kBool);
    target = tree.text == "true";
  }

  void read(const JsonTree& tree, int64_t& target) {
    const bool is_short = setting_.rules.short_counts && tree.is(Kind::kString);
    const std::optional<int64_t> number = is_short ? parse_count(tree.text) : tree.integer;
    const bool fits = number && in_range(static_cast<double>(*number), setting_.rules);
    if (!fits) return refuse(tree, Kind::kNumber);
    target = *number;
  }

  template <class Number>
  void read(const JsonTree& tree, std::optional<Number>& target) {
    if (tree.is(Kind::kNull)) return target.reset();
    Number value = 0;
    if (reads_well([&] { read(tree, value); })) target = value;
  }

  void read(const JsonTree& tree, double& target) {
    if (!tree.is(Kind::kNumber) || !in_range(tree.number, setting_.rules)) return refuse(tree, Kind::kNumber);
    target = tree.number;
  }

  void read(const JsonTree& tree, std::string& target) {
    const bool scalar = !tree.is(Kind::kArray) && !tree.is(Kind::kObject);
    if (!tree.is(Kind::kString) && !(setting_.bare_words && scalar)) {
      const bool could_be_quoted = scalar && !tree.is(Kind::kNull);
      return tell(show_json(tree), want_, could_be_quoted ? "write it in quotes" : setting_.help);
    }
    if (!is_utf8(tree.text) || tree.text.find('\0') != std::string::npos) {
      return tell(show_json(tree), "UTF-8 text without null characters", setting_.help);
    }
    const auto& choices = setting_.rules.choices;
    if (!choices.empty() && std::find(choices.begin(), choices.end(), tree.text) == choices.end()) {
      const std::string nearest = nearest_name(tree.text, {choices.begin(), choices.end()});
      return tell(show_json(tree), want_, nearest.empty() ? setting_.help : did_you_mean(quote_json(nearest)));
    }
    target = tree.text;
  }

  void read(const JsonTree& tree, LabelledPath& target) {
    if (!tree.is(Kind::kObject)) {
      if (reads_well([&] { read(tree, target.path); }) && target.path.empty()) tell("no path", want_, setting_.help);
      return;
    }
    const bool parts_read = reads_well([&] {
      for (const auto& [key, value] : tree.members) {
        ValueReader part({setting_.where + "." + show_key(key), setting_.help, setting_.rules}, "a string", problems_);
        if (key == "path") {
          part.read(value, target.path);
        } else if (key == "domain") {
          part.read(value, target.domain);
        } else {
          const std::string nearest = nearest_name(key, {"path", "domain"});
          part.tell("an unknown key", "`path` or `domain`", nearest.empty() ? "" : did_you_mean(backticked(nearest)));
        }
      }
    });
    if (parts_read && target.path.empty()) tell("no path", want_, setting_.help);
  }

  void read(const JsonTree& tree, std::vector<std::string>& target) {
    std::string* const item = nullptr;
    read_list(tree, accepted_values(item, setting_.rules), target);
  }

  void read(const JsonTree& tree, std::vector<LabelledPath>& target) {
    read_list(tree, R"(a path or {"path": ..., "domain": ...})", target);
  }

 private:
  void tell(const std::string& got, const std::string& want, const std::string& remedy) {
    problems_.add(setting_.where, got, want, remedy);
  }

  // `wanted`: the kind of JSON that would have done.
  void refuse(const JsonTree& tree, Kind wanted) {
    bool quotes_are_wrong = false;
    if (tree.is(Kind::kString)) {
      Problems unquoted_problems;
      const auto unquoted = parse_json(tree.text, "", unquoted_problems);
      quotes_are_wrong = unquoted && unquoted->is(wanted);
    }
    tell(show_json(tree), want_, quotes_are_wrong ? "write it without quotes" : setting_.help);
  }

  template <class Call>
  bool reads_well(Call call) {
    const size_t before = problems_.messages().size();
    call();
    return problems_.messages().size() == before;
  }

  // A list, or one item alone.
  template <class Item>
  void read_list(const JsonTree& tree, const std::string& item_words, std::vector<Item>& target) {
    std::vector<Item> items;
    const bool all_read = reads_well([&] {
      if (tree.is(Kind::kArray)) {
        for (const JsonTree& item : tree.items) {
          const std::string place = setting_.where + format("[%zu]", items.size());
          ValueReader({place, setting_.help, setting_.rules}, item_words, problems_).read(item, items.emplace_back());
        }
      } else if (tree.is(Kind::kString) || tree.is(Kind::kObject)) {
        read(tree, items.emplace_back());
      } else {
        refuse(tree, Kind::kArray);
      }
    });
    if (all_read) target = std::move(items);
  }

  Setting setting_;
  std::string want_;
  Problems& problems_;
};

}  // namespace

void read_value(const JsonTree& tree, const Setting& setting, const FieldValue& target, Problems& problems) {
  ValueReader reader(setting, accepted_values(target, setting.rules), problems);
  std::visit([&](auto* value) { reader.read(tree, *value); }, target);
}

void read_switch(const JsonTree& tree, const Setting& setting, std::string* target, Problems& problems) {
  const size_t before = problems.messages().size();
  bool on = false;
  read_value(tree, setting, &on, problems);
  if (problems.messages().size() != before) return;
  *target = on ? setting.rules.switch_alias->on : setting.rules.switch_alias->off;
}

std::string backticked(std::string_view name) {
  return std::string("`").append(name).append("`");
}

std::string did_you_mean(const std::string& name) {
  return "did you mean " + name + "?";
}

}  // namespace mm
