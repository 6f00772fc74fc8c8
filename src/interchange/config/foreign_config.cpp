// One look at what all sources say together judges it; then each source is rewritten for itself.
#include "interchange/config/foreign_config.h"

#include <algorithm>
#include <map>
#include <set>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/text.h"
#include "interchange/config/foreign_keys.h"
#include "interchange/config/foreign_rope.h"
#include "interchange/config/model_family.h"
#include "interchange/config/strict_json.h"
#include "model/model_config.h"

namespace mm {
namespace {

using Kind = JsonTree::Kind;

constexpr const char* kSection = "model";
constexpr const char* kDenseLayers = "mlp_only_layers";
constexpr const char* kDenseCount = "first_k_dense_replace";

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

JsonTree parsed(const std::string& json) {
  Problems problems;
  return parse_json(json, "", problems).value();
}

bool equal(const JsonTree& a, const JsonTree& b) {
  return a.is(b.kind) && (a.is(Kind::kNumber) ? a.number == b.number : to_json(a) == to_json(b));
}

void erase(JsonTree& object, std::string_view key) {
  std::erase_if(object.members, [&](const JsonTree::Member& member) { return member.key == key; });
}

/// Names of keys of our model section, aliases included.
std::vector<std::string> our_names(bool moe_alone) {
  ModelConfig model;
  return setting_names([&](Fields& fields) { moe_alone ? model.moe.visit(fields) : model.visit(fields); });
}

class ForeignSections {
 public:
  ForeignSections(std::vector<ConfigSource>& sources, TensorsTell tensors, Problems& problems,
                  std::vector<std::string>& notes)
      : sources_(sources), tensors_(tensors), problems_(problems), notes_(notes) {}

  /// Rewrites the sources; what the family implies is left in implied().
  void rewrite() {
    gather();
    find_model_type();
    for (const NeutralKey& neutral : kNeutral) judge(neutral);
    judge_windows();
    judge_rope();
    judge_derived_width();
    judge_dense_layers();
    for (ConfigSource& source : sources_) {
      JsonTree* section = find_section(source);
      if (section != nullptr) rewrite(*section, place_of(source));
    }
    imply();
    note_sizes();
    note_gate();
  }

  const std::vector<std::pair<std::string, std::string>>& implied() const { return implied_; }

 private:
  /// What a key has, and where that was said.
  struct Said {
    JsonTree value;
    std::string where;
  };

  static JsonTree* find_section(ConfigSource& source) {
    JsonTree* section = find_member(source.tree, kSection);
    return section != nullptr && section->is(Kind::kObject) ? section : nullptr;
  }

  /// `<file>` of a config that is nothing else, `<file>:model` of a section.
  std::string place_of(const ConfigSource& source) const {
    return contains(bare_, source.name) ? source.name : source.name + ":" + kSection;
  }
  static std::string key_at(const std::string& place, const std::string& key) {
    return place + (place.ends_with(std::string(":") + kSection) ? "." : ":") + show_key(key);
  }

  void gather() {
    for (ConfigSource& source : sources_) {
      const bool bare = !source.is_override && find_member(source.tree, kSection) == nullptr &&
                        find_member(source.tree, "model_type") != nullptr;
      if (bare) {
        JsonTree whole;
        whole.kind = Kind::kObject;
        whole.members.push_back({kSection, std::move(source.tree)});
        source.tree = std::move(whole);
        bare_.push_back(source.name);
      }
      const JsonTree* section = find_section(source);
      if (section == nullptr) continue;
      for (const auto& [key, value] : section->members) said_[key] = {value, key_at(place_of(source), key)};
    }
  }

  void find_model_type() {
    const Said* type = said("model_type");
    if (type == nullptr || !type->value.is(Kind::kString)) return;
    if (type->value.text == "dense" || type->value.text == "moe") return;
    std::vector<std::string> keys;
    for (const auto& [key, value] : said_) keys.push_back(key);
    const Said* use_moe = said("use_moe");
    family_ = find_family(type->value.text, keys, use_moe != nullptr && use_moe->value.text == "true");
    if (family_) return;
    std::vector<std::string> names = {"dense", "moe"};
    for (const std::string& name : family_names()) names.push_back(name);
    problems_.add(type->where, show_json(type->value), "one of " + join(names, ", "),
                  "other models compute what this program does not");
    unknown_type_ = true;
  }

  /// Null when nobody says it; JSON's null leaves a key to its class.
  const Said* said(const std::string& key) const {
    const auto found = said_.find(key);
    return found == said_.end() || found->second.value.is(Kind::kNull) ? nullptr : &found->second;
  }

  /// What is said, else what the class has; nothing when neither is known.
  std::optional<JsonTree> value_of(const std::string& key) const {
    if (const Said* found = said(key)) return found->value;
    // transformers 5 has what belongs to positions in a place of its own.
    for (const char* place : kRopeObjects) {
      const Said* rope = contains(kOfRope, key) ? said(place) : nullptr;
      if (rope == nullptr || !rope->value.is(Kind::kObject)) continue;
      for (const auto& [name, value] : rope->value.members) {
        if (name == key) return value;
      }
    }
    const std::string implied = family_ ? family_->implied_value(key) : "";
    return implied.empty() || implied == "null" ? std::nullopt : std::optional(parsed(implied));
  }

  void refuse(const std::string& key, const std::string& want, const std::string& why) {
    if (const Said* found = said(key)) {
      problems_.add(found->where, show_json(found->value), want, why);
    } else {
      const std::string of = std::string(family_->name);
      problems_.add(said("model_type")->where, of + ", whose `" + key + "` is " + family_->implied_value(key),
                    key + " " + want, why);
    }
  }

  void judge(const NeutralKey& neutral) {
    if (family_ && tensors_ == TensorsTell::kYes && contains(kToldByTensors, neutral.key)) return;
    const std::optional<JsonTree> value = value_of(neutral.key);
    if (!value || equal(*value, parsed(neutral.value))) return;
    if (std::string_view(neutral.key) == "hidden_act" && value->text == "swish") return;  // its other name
    refuse(neutral.key, neutral.value, neutral.why);
  }

  void judge_windows() {
    const char* why = "attention sees all earlier tokens";
    // Families that have such a key say with another one whether it counts; elsewhere it counts by itself.
    const Said* window = said("sliding_window");
    if (window != nullptr && !family_ && said("use_sliding_window") == nullptr) refuse("sliding_window", "null", why);
    const Said* types = said("layer_types");
    if (types == nullptr) {
      const std::optional<JsonTree> interval = value_of("full_attention_interval");
      if (interval && interval->number != 1) refuse("full_attention_interval", "1", why);
      return;
    }
    const bool full = types->value.is(Kind::kArray) &&
                      std::all_of(types->value.items.begin(), types->value.items.end(),
                                  [](const JsonTree& layer) { return layer.text == "full_attention"; });
    if (!full) problems_.add(types->where, to_json(types->value), "\"full_attention\" in every layer", why);
  }

  void judge_rope() {
    for (const char* key : kRopeObjects) {
      const Said* rope = said(key);
      if (rope != nullptr && !judge_foreign_rope(rope->value, rope->where, problems_)) refused_rope_ = true;
    }
  }

  void judge_derived_width() {
    const Said* unit = said("multiple_of");
    const bool derived = said("hidden_dim") == nullptr && said("intermediate_size") == nullptr;
    if (unit != nullptr && derived && unit->value.number != 64) {
      refuse("multiple_of", "64", "or name intermediate_size");
    }
  }

  /// Qwen's classes name the layers without experts; ours are the first ones.
  void judge_dense_layers() {
    const Said* list = said(kDenseLayers);
    if (list == nullptr) return;
    std::set<double> layers;
    for (const JsonTree& layer : list->value.items) layers.insert(layer.is(Kind::kNumber) ? layer.number : -1);
    const auto count = std::ssize(layers);
    const bool are_first =
        layers.empty() || (*layers.begin() == 0 && *layers.rbegin() == static_cast<double>(count - 1));
    if (!list->value.is(Kind::kArray) || !are_first) {
      return problems_.add(list->where, to_json(list->value), "[] or [0, 1, ...]",
                           "layers without experts come before all others");
    }
    const Said* counted = said(kDenseCount);
    if (counted != nullptr && counted->value.integer != count) {
      return problems_.add(list->where, to_json(list->value) + " beside first_k_dense_replace " + counted->value.text,
                           "one of them", "both say how many layers have no experts");
    }
    dense_layers_ = count;
  }

  /// Says so by our key, unless it is there.
  void take_dense_layers(JsonTree& section) {
    JsonTree* list = find_member(section, kDenseLayers);
    if (list == nullptr || !dense_layers_) return;
    *list = parsed(std::to_string(*dense_layers_));
    const bool counted = find_member(section, kDenseCount) != nullptr;
    for (JsonTree::Member& member : section.members) {
      if (member.key == kDenseLayers && !counted) member.key = kDenseCount;
    }
  }

  void rewrite(JsonTree& section, const std::string& place) {
    const Said* positions = said("max_position_embeddings");
    rewrite_foreign_rope(section, positions == nullptr ? nullptr : &positions->value, refused_rope_);
    for (JsonTree::Member& member : section.members) {
      for (const auto& [theirs, ours] : kRenamed) {
        if (member.key == theirs) member.key = ours;
      }
    }
    if (family_ || unknown_type_) take_model_type(section);
    take_dense_layers(section);
    for (const NeutralKey& neutral : kNeutral) erase(section, neutral.key);
    for (const char* key : kJudgedTogether) erase(section, key);
    if (family_) {
      std::erase_if(section.members, [](const auto& member) { return member.value.is(Kind::kNull); });
    }
    if (JsonTree* shared = find_member(section, "n_shared_experts"); shared != nullptr && shared->text == "true") {
      *shared = parsed("1");  // MiniMind to April 2025 had one or none
    }
    if (family_ && tensors_ == TensorsTell::kYes) {
      for (const char* key : kToldByTensors) erase(section, key);
    }
    if (family_ && !family_->moe) {
      for (const std::string& key : our_names(/*moe_alone=*/true)) erase(section, key);
    }
    drop_meaningless(section, place);
  }

  void take_model_type(JsonTree& section) {
    JsonTree* type = find_member(section, "model_type");
    erase(section, "use_moe");
    if (type == nullptr || !type->is(Kind::kString)) return;
    if (unknown_type_) return erase(section, "model_type");
    type = find_member(section, "model_type");
    type->text = family_->moe ? "moe" : "dense";
  }

  void drop_meaningless(JsonTree& section, const std::string& place) {
    constexpr size_t kMostExplained = 20;
    std::vector<std::string> meaningless, unknown;
    const std::vector<std::string> known = our_names(/*moe_alone=*/false);
    std::erase_if(section.members, [&](const JsonTree::Member& member) {
      if (contains(kMeaningless, member.key)) {
        if (!member.value.is(Kind::kNull)) meaningless.push_back("`" + member.key + "`");
        return true;
      }
      // In a config of another program most unknown keys are no slips of the pen.
      if (!family_ || contains(known, member.key) || unknown.size() >= kMostExplained) return false;
      if (!nearest_name(member.key, known).empty()) return false;
      unknown.push_back(show_key(member.key));
      return true;
    });
    if (!meaningless.empty() && tensors_ == TensorsTell::kNo) {
      notes_.push_back(place + ": ignored " + join(meaningless, ", ") + ": other tools' keys with no meaning here");
    }
    if (!unknown.empty()) {
      notes_.push_back(place + ": passed over " + join(unknown, ", ") +
                       (unknown.size() == 1 ? ", which is" : ", which are") + " not known here");
    }
  }

  void imply() {
    if (!family_) return;
    for (const auto& [key, value] : family_->implied) {
      const std::string name(key);
      const bool theirs = std::any_of(kNeutral.begin(), kNeutral.end(),
                                      [&](const NeutralKey& neutral) { return name == neutral.key; }) ||
                          contains(kJudgedTogether, name);
      if (theirs || (tensors_ == TensorsTell::kYes && contains(kToldByTensors, name))) continue;
      const Said* heads = said("num_attention_heads");
      const bool of_heads = name == "num_key_value_heads" || name == "head_dim";
      // Without them the heads are those of this program, and not of the class.
      if (of_heads && heads == nullptr && family_->name != "minimind") continue;
      if (name != "num_key_value_heads") {
        // A null that was written is a choice as well: heads of hidden_size / num_attention_heads.
        if (!said_.contains(name)) implied_.emplace_back(name, value);
      } else if (said(name) == nullptr && said("n_kv_heads") == nullptr) {
        const bool as_heads = value == "null" || said_.contains(name);
        implied_.emplace_back(name, as_heads && heads != nullptr ? to_json(heads->value) : value);
      }
    }
    // What our own generations imply of weights, the weights tell as well.
    if (tensors_ == TensorsTell::kYes && family_->name == "minimind") implied_.clear();
  }

  /// transformers has sizes for a class whose config.json names none; here they are those of this program.
  void note_sizes() {
    if (!family_ || family_->name == "minimind" || tensors_ == TensorsTell::kYes) return;
    std::vector<std::string> sizes = {"vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads"};
    if (family_->moe) {
      sizes.insert(sizes.end(), {"num_experts", "moe_intermediate_size"});
    } else {
      sizes.emplace_back("intermediate_size");
    }
    std::vector<std::string> missing;
    for (const std::string& key : sizes) {
      const bool expert_count = key == "num_experts" && (said("n_routed_experts") || said("num_local_experts"));
      if (said(key) == nullptr && !expert_count) missing.push_back(key);
    }
    if (missing.empty()) return;
    const std::string& where = said("model_type")->where;
    notes_.push_back(where + ": " + std::string(family_->name) + " without " + join(missing, ", ") +
                     ": the defaults of this program are taken");
  }

  /// Read from weights, the gate is refused unless it does nothing (huggingface_source.h).
  void note_gate() {
    if (!family_ || family_->name != "qwen3_next" || tensors_ == TensorsTell::kYes) return;
    notes_.push_back(said("model_type")->where +
                     ": qwen3_next without the gate of its attention, which ours lacks: an export has one that does "
                     "nothing");
  }

  std::vector<ConfigSource>& sources_;
  TensorsTell tensors_;
  Problems& problems_;
  std::vector<std::string>& notes_;
  std::vector<std::string> bare_;  ///< names of sources that were model sections
  std::map<std::string, Said> said_;
  std::optional<ModelFamily> family_;
  std::optional<int64_t> dense_layers_;  ///< as a list of layers says it
  bool unknown_type_ = false;
  bool refused_rope_ = false;
  std::vector<std::pair<std::string, std::string>> implied_;
};

}  // namespace

std::vector<ConfigSource> put_in_our_terms(std::vector<ConfigSource>& sources, TensorsTell tensors, Problems& problems,
                                           std::vector<std::string>& notes) {
  ForeignSections sections(sources, tensors, problems, notes);
  sections.rewrite();
  if (tensors == TensorsTell::kYes || sections.implied().empty()) return {};
  ConfigSource implied{.name = "model_type", .is_override = false, .tree = parsed("{\"model\": {}}")};
  for (const auto& [key, value] : sections.implied()) {
    implied.tree.members.front().value.members.push_back({key, parsed(value)});
  }
  return {std::move(implied)};
}

std::vector<std::string> read_foreign_config(const std::string& text, const std::string& file,
                                             std::vector<std::string>& notes) {
  std::vector<ConfigSource> sources(1);
  sources[0] = {.name = file, .is_override = false, .tree = parse_object(text, file)};
  Problems problems;
  ForeignSections sections(sources, TensorsTell::kYes, problems, notes);
  sections.rewrite();
  if (!problems.empty()) throw Error(ExitCode::kCheckpoint, join(problems.messages(), "\n"));
  std::vector<std::string> settings;
  for (const auto& [key, value] : sections.implied()) settings.push_back("model." + key + "=" + value);
  for (const auto& [key, value] : find_member(sources[0].tree, kSection)->members) {
    settings.push_back("model." + key + "=" + to_json(value));
  }
  return settings;
}

}  // namespace mm
