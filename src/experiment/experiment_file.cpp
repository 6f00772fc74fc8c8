// Read as strictly as a config, then sweeps are spread out.
#include "experiment/experiment_file.h"

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <set>

#include "core/files/files.h"
#include "core/json/json_text.h"
#include "core/json/json_tree.h"
#include "core/problems.h"
#include "core/text.h"
#include "recipe/run_config.h"

namespace mm {
namespace {

using Kind = JsonTree::Kind;

constexpr size_t kMaxBytes = size_t{1} << 20;
constexpr size_t kMostVariants = 1000;

/// The dotted keys of a config whose value is a list.
class ListKeys final : public Fields {
 public:
  ListKeys() {
    RunConfig config;
    config.visit(*this);
  }
  bool contains(const std::string& key) const { return keys_.contains(key); }

 protected:
  void field(std::string_view key, FieldValue value, std::string_view, const FieldRules&) override {
    if (std::holds_alternative<std::vector<std::string>*>(value) ||
        std::holds_alternative<std::vector<LabelledPath>*>(value)) {
      keys_.insert(dotted(section_, key));
    }
  }
  void begin_section(std::string_view key, std::string_view) override { section_ = key; }
  void end_section() override { section_.clear(); }

 private:
  std::set<std::string> keys_;
  std::string section_;
};

/// A key with all values that it is to have.
struct Sweep {
  std::string key;
  std::vector<std::string> values;  ///< JSON
};

bool is_list_of_lists(const JsonTree& tree) {
  return tree.is(Kind::kArray) && !tree.items.empty() &&
         std::all_of(tree.items.begin(), tree.items.end(), [](const auto& item) { return item.is(Kind::kArray); });
}

/// A value of a sweep as a part of a folder name: 1e-3 and 0.001 are one.
std::string name_part(const std::string& json) {
  char* end = nullptr;
  const double number = std::strtod(json.c_str(), &end);
  if (end != json.c_str() && *end == '\0') return format("%.12g", number);
  std::string part;
  for (const char c : json) {
    const bool plain = std::isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '-';
    if (plain) part += c;
    if (!plain && c != '"' && !part.empty() && part.back() != '_') part += '_';
  }
  while (!part.empty() && part.back() == '_') part.pop_back();
  return part;
}

class Reader {
 public:
  Reader(const std::string& path, Problems& problems) : path_(path), problems_(problems) {}

  ExperimentFile read(const JsonTree& root) {
    ExperimentFile file;
    if (!root.is(Kind::kObject)) {
      problems_.add(path_, show_json(root), "an object", "configs/experiments/ has examples");
      return file;
    }
    bool has_base = false, has_seeds = false, has_budget = false, has_variants = false;
    for (const auto& [key, value] : root.members) {
      if (key == "about") {
        read_text(key, value, file.about);
      } else if (key == "base") {
        has_base = read_text(key, value, file.base);
      } else if (key == "compare_to") {
        read_text(key, value, file.compare_to);
      } else if (key == "settings") {
        file.settings = single_settings(key, value);
      } else if (key == "seeds") {
        has_seeds = true;
        read_seeds(value, file.seeds);
      } else if (key == "budget") {
        has_budget = true;
        read_budget(value, file.budget);
      } else if (key == "variants") {
        has_variants = true;
        read_variants(value, file.variants);
      } else {
        const std::string nearest =
            nearest_name(key, {"about", "base", "compare_to", "settings", "seeds", "budget", "variants"});
        problems_.add(where(key), "an unknown key", "about, base, settings, seeds, budget, variants or compare_to",
                      nearest.empty() ? "" : "did you mean " + nearest + "?");
      }
    }
    if (!has_base) missing("base", "the path of a config, such as configs/quickstart.json");
    if (!has_seeds) missing("seeds", "a list of seeds, such as [1, 2, 3]");
    if (!has_budget) missing("budget", "what every run gets: {\"tokens\": n}, {\"flops\": n} or {\"seconds\": n}");
    if (!has_variants) missing("variants", "an object of named variants");
    check_compare_to(file);
    return file;
  }

 private:
  std::string where(const std::string& key) const { return path_ + ":" + show_key(key); }
  void missing(const std::string& key, const std::string& want) { problems_.add(where(key), "nothing", want); }

  bool read_text(const std::string& key, const JsonTree& value, std::string& text) {
    if (value.is(Kind::kString)) {
      text = value.text;
    } else {
      problems_.add(where(key), show_json(value), "a text");
    }
    return true;
  }

  void read_seeds(const JsonTree& value, std::vector<int64_t>& seeds) {
    for (const JsonTree& item : value.items) {
      if (item.integer && *item.integer >= 0) seeds.push_back(*item.integer);
    }
    const bool good = value.is(Kind::kArray) && !seeds.empty() && seeds.size() == value.items.size() &&
                      std::set<int64_t>(seeds.begin(), seeds.end()).size() == seeds.size();
    if (!good) problems_.add(where("seeds"), to_json(value), "a list of different whole numbers from 0 up");
  }

  void read_budget(const JsonTree& value, Budget& budget) {
    constexpr std::pair<const char*, Budget::Kind> kKinds[] = {
        {"tokens", Budget::Kind::kTokens}, {"flops", Budget::Kind::kFlops}, {"seconds", Budget::Kind::kSeconds}};
    const bool one = value.is(Kind::kObject) && value.members.size() == 1;
    for (const auto& [name, kind] : kKinds) {
      if (!one || value.members[0].key != name) continue;
      const JsonTree& amount = value.members[0].value;
      if (amount.is(Kind::kNumber) && amount.number > 0) {
        budget = {kind, amount.number};
      } else {
        problems_.add(where(std::string("budget.") + name), show_json(amount), "a number above 0");
      }
      return;
    }
    problems_.add(where("budget"), to_json(value), "one of {\"tokens\": n}, {\"flops\": n} and {\"seconds\": n}");
  }

  /// Sections become dotted keys.
  void flatten(const std::string& place, const std::string& section, const JsonTree& tree, std::vector<Sweep>& sweeps) {
    if (!tree.is(Kind::kObject)) {
      problems_.add(where(place), show_json(tree), "an object of settings");
      return;
    }
    for (const auto& [key, value] : tree.members) {
      const std::string full = dotted(section, key);
      if (value.is(Kind::kObject)) {
        flatten(place + "." + key, full, value, sweeps);
        continue;
      }
      if (full == "run.name" || full == "run.seed" || full == "train.steps") {
        problems_.add(where(place + "." + key), "a setting that the experiment makes",
                      full == "run.name"   ? "the name of the variant"
                      : full == "run.seed" ? "the key seeds"
                                           : "the key budget");
        continue;
      }
      Sweep sweep = {full, {}};
      const bool is_sweep = list_keys_.contains(full) ? is_list_of_lists(value) : value.is(Kind::kArray);
      if (!is_sweep) sweep.values.push_back(to_json(value));
      for (const JsonTree& item : value.items) {
        if (is_sweep) sweep.values.push_back(to_json(item));
      }
      if (sweep.values.empty()) problems_.add(where(place + "." + key), "an empty list", "a value, or several");
      sweeps.push_back(std::move(sweep));
    }
  }

  std::vector<KeyValue> single_settings(const std::string& place, const JsonTree& tree) {
    std::vector<Sweep> sweeps;
    flatten(place, "", tree, sweeps);
    std::vector<KeyValue> settings;
    for (const Sweep& sweep : sweeps) {
      if (sweep.values.size() > 1) {
        problems_.add(where(place + "." + sweep.key), "a list of values", "one value", "a sweep belongs to a variant");
      }
      if (!sweep.values.empty()) settings.push_back({sweep.key, sweep.values[0]});
    }
    return settings;
  }

  void read_variants(const JsonTree& tree, std::vector<Variant>& variants) {
    if (!tree.is(Kind::kObject) || tree.members.empty()) {
      problems_.add(where("variants"), show_json(tree), "an object with a variant or more");
      return;
    }
    for (const auto& [name, settings] : tree.members) {
      std::vector<Sweep> sweeps;
      flatten("variants." + name, "", settings, sweeps);
      spread(name, sweeps, variants);
    }
    std::set<std::string> names;
    for (const Variant& variant : variants) {
      check_name(variant.name);
      if (!names.insert(variant.name).second) {
        problems_.add(where("variants"), "the name " + show_text(variant.name) + " twice", "different names");
      }
    }
  }

  /// Every combination of the values, the last key changing fastest.
  void spread(const std::string& name, const std::vector<Sweep>& sweeps, std::vector<Variant>& variants) {
    std::vector<Variant> combined = {{name, {}}};
    for (const Sweep& sweep : sweeps) {
      std::vector<Variant> next;
      for (const Variant& variant : combined) {
        for (const std::string& value : sweep.values) {
          Variant& copy = next.emplace_back(variant);
          copy.settings.push_back({sweep.key, value});
          if (sweep.values.size() == 1) continue;
          copy.name += "_" + sweep.key.substr(sweep.key.rfind('.') + 1) + "_" + name_part(value);
        }
      }
      combined = std::move(next);
      if (combined.size() + variants.size() > kMostVariants) {
        problems_.add(where("variants." + name), "more than 1,000 variants", "a smaller sweep");
        return;
      }
    }
    variants.insert(variants.end(), combined.begin(), combined.end());
  }

  void check_name(const std::string& name) {
    const auto allowed = [](char c) {
      return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '.' || c == '-';
    };
    constexpr size_t kLongest = 120;
    if (!name.empty() && name[0] != '.' && name[0] != '-' && name.size() <= kLongest &&
        std::all_of(name.begin(), name.end(), allowed)) {
      return;
    }
    problems_.add(where("variants"), "the name " + show_text(name), "letters, digits, '_', '-' and '.', at most 120",
                  "it names a folder");
  }

  void check_compare_to(ExperimentFile& file) {
    std::vector<std::string> names;
    for (const Variant& variant : file.variants) names.push_back(variant.name);
    if (names.empty()) return;
    if (file.compare_to.empty()) file.compare_to = names[0];
    if (std::find(names.begin(), names.end(), file.compare_to) != names.end()) return;
    problems_.add(where("compare_to"), show_text(file.compare_to), "one of " + cut_text(join(names, ", ")),
                  "a sweep has a variant for each value");
  }

  std::string path_;
  Problems& problems_;
  ListKeys list_keys_;
};

}  // namespace

std::string describe(const Budget& budget) {
  switch (budget.kind) {
    case Budget::Kind::kTokens:
      return with_commas(static_cast<int64_t>(budget.amount)) + " tokens";
    case Budget::Kind::kFlops:
      return short_count(budget.amount, "FLOP");
    case Budget::Kind::kSeconds:
      return clock_time(budget.amount);
  }
  return "";
}

ExperimentFile read_experiment(const std::string& path, const std::string& name) {
  Problems problems;
  const std::optional<JsonTree> root = parse_json(read_file(path, ExitCode::kConfig, kMaxBytes), path, problems);
  ExperimentFile file;
  if (root) file = Reader(path, problems).read(*root);
  file.path = path;
  file.name = name.empty() ? default_run_name(path) : name;
  problems.throw_if_any();
  return file;
}

}  // namespace mm
