// Sources: the configuration and modelling files of transformers 4.57 and 5; MiniMind's own config classes.
#include "interchange/config/model_family.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/json/ordered_json.h"
#include "interchange/config/generation.h"
#include "interchange/config/model_settings.h"

namespace mm {
namespace {

using Implied = std::vector<std::pair<std::string_view, std::string>>;

/// `null` for key/value heads: as many as query heads.
Implied with_common(Implied implied) {
  for (const auto& [key, value] : Implied{{"rope_layout", "\"half_split\""},
                                          {"norm_rounding", "\"before_weight\""},
                                          {"qk_norm", "false"},
                                          {"rope_theta", "10000.0"},
                                          {"rms_norm_eps", "1e-06"},
                                          {"tie_word_embeddings", "false"}}) {
    const auto same = [&](const auto& entry) { return entry.first == key; };
    if (std::none_of(implied.begin(), implied.end(), same)) implied.emplace_back(key, value);
  }
  return implied;
}

/// Where these classes normalise the weights of the chosen experts, they divide that of a single one by itself as well.
Implied with_experts(Implied implied) {
  for (const auto& [key, value] : Implied{{"scoring_func", "\"softmax\""}, {"norm_top1_prob", "true"}}) {
    const auto same = [&](const auto& entry) { return entry.first == key; };
    if (std::none_of(implied.begin(), implied.end(), same)) implied.emplace_back(key, value);
  }
  return with_common(std::move(implied));
}

const std::vector<ModelFamily>& table() {
  static const std::vector<ModelFamily> families = {
      {"llama", false, with_common({{"num_key_value_heads", "null"}})},
      {"qwen3", false, with_common({{"qk_norm", "true"}, {"head_dim", "128"}, {"num_key_value_heads", "32"}})},
      {"qwen2_moe", true,
       with_experts({{"num_key_value_heads", "16"},
                     {"num_experts_per_tok", "4"},
                     {"norm_topk_prob", "false"},
                     {"router_aux_loss_coef", "0.001"},
                     {"n_shared_experts", "1"},
                     {"shared_expert_gate", "true"},
                     {"qkv_bias", "true"}})},
      {"qwen3_moe", true,
       with_experts({{"qk_norm", "true"},
                     {"num_key_value_heads", "4"},
                     {"num_experts_per_tok", "8"},
                     {"norm_topk_prob", "false"},
                     {"router_aux_loss_coef", "0.001"}})},
      // Norm weights are added to 1 in fp32, before anything is rounded.
      {"qwen3_next", true,
       with_experts({{"qk_norm", "true"},
                     {"norm_rounding", "\"after_weight\""},
                     {"head_dim", "256"},
                     {"num_key_value_heads", "2"},
                     {"num_experts_per_tok", "10"},
                     {"norm_topk_prob", "true"},
                     {"router_aux_loss_coef", "0.001"},
                     {"n_shared_experts", "1"},
                     {"shared_expert_gate", "true"},
                     {"partial_rotary_factor", "0.25"},
                     {"full_attention_interval", "4"}})},
      // A bias for the choice alone is what balances it.
      {"glm4_moe", true,
       with_experts({{"rms_norm_eps", "1e-05"},
                     {"num_key_value_heads", "8"},
                     {"scoring_func", "\"sigmoid\""},
                     {"balance", "\"bias\""},
                     {"aux_loss", "\"none\""},
                     {"num_experts_per_tok", "8"},
                     {"norm_topk_prob", "true"},
                     {"n_shared_experts", "1"},
                     {"partial_rotary_factor", "0.5"},
                     {"first_k_dense_replace", "1"}})},
  };
  return families;
}

constexpr std::string_view kMiniMind = "minimind";

/// The generation whose class has such keys.
std::string_view generation_of(const std::vector<std::string>& keys) {
  const auto has = [&](std::string_view key) { return std::find(keys.begin(), keys.end(), key) != keys.end(); };
  if (has("dim")) return has("rope_theta") ? "g2" : "g1";
  return has("n_routed_experts") || has("aux_loss_alpha") || has("seq_aux") ? "g3c" : "g4";
}

ModelFamily minimind(const std::vector<std::string>& keys, bool use_moe) {
  static const auto names = [] {
    const ModelConfig defaults;
    std::vector<std::string> all;
    const auto section = parse_ordered_json(section_of(defaults));
    for (const auto& [key, value] : section.items()) all.push_back(key);
    return all;
  }();
  ModelFamily family{kMiniMind, use_moe, {}};
  const ModelConfig model = generation_model(find_generation(generation_of(keys), ""), use_moe);
  for (const std::string& key : names) {
    if (key != "model_type") family.implied.emplace_back(key, setting_of(model, key));
  }
  return family;
}

}  // namespace

std::string ModelFamily::implied_value(std::string_view key) const {
  const auto found =
      std::find_if(implied.begin(), implied.end(), [&](const auto& entry) { return entry.first == key; });
  return found == implied.end() ? "" : found->second;
}

std::vector<std::string> family_names() {
  std::vector<std::string> names;
  for (const ModelFamily& family : table()) names.emplace_back(family.name);
  names.emplace_back(kMiniMind);
  return names;
}

std::optional<ModelFamily> find_family(std::string_view name, const std::vector<std::string>& keys, bool use_moe) {
  if (name == kMiniMind) return minimind(keys, use_moe);
  const auto found = std::find_if(table().begin(), table().end(), [&](const auto& each) { return each.name == name; });
  return found == table().end() ? std::nullopt : std::optional(*found);
}

}  // namespace mm
