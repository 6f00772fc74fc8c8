// The same meaning in three places.
#include "interchange/config/foreign_rope.h"

#include <algorithm>
#include <optional>
#include <string_view>
#include <vector>

#include "core/json/json_text.h"
#include "interchange/config/foreign_keys.h"
#include "interchange/config/strict_json.h"
#include "model/model_config.h"

namespace mm {
namespace {

using Kind = JsonTree::Kind;

JsonTree parsed_rope(const std::string& json) {
  Problems problems;
  return parse_json(json, "", problems).value();
}

bool is_any_of(const auto& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

void erase_member(JsonTree& object, std::string_view key) {
  std::erase_if(object.members, [&](const JsonTree::Member& member) { return member.key == key; });
}

/// What MiniMind's switch stands for, which is nothing for as few positions as were trained.
std::string inference_scaling(const JsonTree* positions) {
  const auto trained = static_cast<double>(RopeScalingConfig().original_max_position_embeddings);
  const bool few = positions != nullptr && positions->number <= trained;
  return few ? R"({"rope_type": "default"})" : R"({"rope_type": "yarn", "attention_factor": 1.0})";
}

}  // namespace

bool judge_foreign_rope(const JsonTree& rope, const std::string& where, Problems& problems) {
  static const std::vector<std::string> ours = [] {
    RopeScalingConfig names;
    return setting_names([&](Fields& fields) { names.visit(fields); });
  }();
  bool good = true;
  const auto complain = [&](const std::string& part, const JsonTree& got, const char* want, const char* why) {
    problems.add(where + part, show_json(got), want, why);
    good = false;
  };
  if (!rope.is(Kind::kObject)) {
    complain("", rope, "null or an object", "");
    return good;
  }
  for (const auto& [name, value] : rope.members) {
    const bool type = name == "rope_type" || name == "type";
    const std::string text = value.is(Kind::kString) ? value.text : "";
    if (type && text != "default" && text != "yarn") {
      complain("." + name, value, "\"default\" or \"yarn\"", "other ways to scale positions are not computed");
    } else if (name == "partial_rotary_factor" && value.number != 1) {
      complain("." + name, value, "1.0", "positions turn every feature of a head");
    } else if (name == "truncate" && value.text != "true") {
      complain("." + name, value, "true", "the ramp of yarn ends at whole pairs");
    } else if (!is_any_of(kOfRope, name) && !is_any_of(ours, name)) {
      complain("." + show_key(name), value, "none", "it is not computed");
    }
  }
  return good;
}

void rewrite_foreign_rope(JsonTree& section, const JsonTree* positions, bool refused) {
  std::optional<JsonTree> scaling;
  const JsonTree* minimind = find_member(section, "inference_rope_scaling");
  if (minimind != nullptr && minimind->is(Kind::kBool) && minimind->text == "true")
    scaling = parsed_rope(inference_scaling(positions));
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    JsonTree* rope = find_member(section, key);
    if (rope == nullptr || !rope->is(Kind::kObject)) continue;
    const JsonTree* theta = find_member(*rope, "rope_theta");
    if (theta != nullptr && find_member(section, "rope_theta") == nullptr) {
      const JsonTree value = *theta;
      section.members.push_back({"rope_theta", value});
      rope = find_member(section, key);
    }
    for (const char* part : kOfRope) erase_member(*rope, part);
    std::erase_if(rope->members, [](const auto& member) { return member.value.is(Kind::kNull); });
    if (find_member(*rope, "rope_type") != nullptr) erase_member(*rope, "type");
    if (!rope->members.empty()) scaling = *rope;
  }
  for (const char* key : {"rope_scaling", "rope_parameters", "inference_rope_scaling"}) erase_member(section, key);
  if (scaling && !refused) section.members.push_back({"rope_scaling", std::move(*scaling)});
}

}  // namespace mm
