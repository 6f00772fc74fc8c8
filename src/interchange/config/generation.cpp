// The table, and the defaults of each generation's config class.
#include "interchange/config/generation.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace mm {

const std::vector<Generation>& generations() {
  static const std::vector<Generation> table = {
      {"g1", "MiniMind v1, to 2025-02", KeyNames::kMiniMind, false, true, false},
      {"g2", "MiniMind2, 2025-02 to 2025-04", KeyNames::kMiniMind, false, true, false},
      {"g3a", "MiniMind2, 2025-04 to 2025-10", KeyNames::kHuggingFace, false, false, false},
      {"g3b", "MiniMind2, 2025-10 to 2025-12", KeyNames::kHuggingFace, false, false, false},
      {"g3c", "MiniMind2, 2025-12 to 2026-03", KeyNames::kHuggingFace, false, false, true},
      {"g4", "MiniMind-3, 2026-03 to 2026-09", KeyNames::kHuggingFace, true, false, true},
      {"g4c", "MiniMind-3, from 2026-09", KeyNames::kHuggingFace, true, false, true},
  };
  return table;
}

std::vector<std::string> generation_names() {
  std::vector<std::string> names = {"g0"};
  for (const Generation& generation : generations()) names.emplace_back(generation.name);
  names.insert(names.begin() + 5, "g3");
  return names;
}

const Generation& find_generation(std::string_view name, std::string_view where) {
  const std::string_view full = name == "g0" ? "g1" : name == "g3" ? "g3c" : name;
  for (const Generation& generation : generations()) {
    if (generation.name == full) return generation;
  }
  throw Error(ExitCode::kConfig,
              got_want(where, '"' + std::string(name) + '"', "one of " + join(generation_names(), ", ")));
}

ModelConfig generation_model(const Generation& generation, bool moe) {
  const bool g1 = generation.name == "g1", g2 = generation.name == "g2", g4 = generation.name.starts_with("g4");
  ModelConfig model;
  model.model_type = moe ? "moe" : "dense";
  model.vocab_size = 6400;
  model.hidden_size = g4 ? 768 : 512;
  model.num_hidden_layers = 8;
  model.num_attention_heads = g1 ? 16 : 8;
  model.num_key_value_heads = g1 ? 8 : g4 ? 4 : 2;
  model.intermediate_rule = g4 ? "pi" : "8/3";
  model.rope_layout = g1 || g2 ? "interleaved" : "half_split";
  model.rope_theta = g1 ? 1e4 : 1e6;
  model.rms_norm_eps = g4 ? 1e-6 : 1e-5;
  model.norm_rounding = g4 ? "after_weight" : "before_weight";
  model.qk_norm = g4;
  model.ffn_dropout = !g4;
  model.initialization = g1 ? "minimind_v1" : g4 ? "normal" : "uniform";

  const bool fp16_buffer = generation.name == "g2" || generation.name == "g3a" || generation.name == "g3b";
  model.moe.num_experts = 4;
  model.moe.num_experts_per_tok = g4 ? 1 : 2;
  model.moe.n_shared_experts = g4 ? 0 : 1;
  model.moe.norm_top1_prob = generation.name == "g4";
  model.moe.aux_loss = g1 ? "none" : g4 ? "token_sum" : "sequence";
  model.moe.router_aux_loss_coef = g4 ? 5e-4 : fp16_buffer ? 0.1 : 0.01;
  model.moe.fp16_expert_output = fp16_buffer;
  return model;
}

std::string own_routing(const ModelConfig& model) {
  const MoeConfig& moe = model.moe;
  if (!model.is_moe()) return "";
  if (moe.first_k_dense_replace > 0) return "dense layers before the routed ones (model.first_k_dense_replace)";
  if (moe.scoring_func != "softmax") return moe.scoring_func + " router scores (model.scoring_func)";
  if (moe.routed_scaling_factor != 1) return "factor on routed experts (model.routed_scaling_factor)";
  if (moe.router_hidden_size > 0) return "hidden layer in the router (model.router_hidden_size)";
  if (moe.has_router_bias()) return "bias on router scores (model.balance)";
  if (moe.limits_groups()) return "groups of experts (model.topk_group)";
  if (moe.force_uniform_routing) return "experts taken in turn (model.force_uniform_routing)";
  if (moe.shared_expert_gate) return "gate on shared experts (model.shared_expert_gate)";
  const bool other_width = moe.shared_expert_intermediate_size != moe.moe_intermediate_size;
  if (moe.n_shared_experts > 0 && other_width) {
    return "shared experts of another width (model.shared_expert_intermediate_size)";
  }
  return "";
}

bool keeps_raw_top1(const ModelConfig& model) {
  return model.is_moe() && model.moe.num_experts_per_tok == 1 && !model.moe.normalises_weights();
}

std::string misfit(const Generation& generation, const ModelConfig& model) {
  const bool g4 = generation.name.starts_with("g4");
  if (model.qk_norm && !g4) return "it has no norm on queries and keys (model.qk_norm)";
  if (!model.qk_norm && g4) return "it needs a norm on queries and keys (model.qk_norm)";
  if (!model.tie_word_embeddings && !g4) return "its head is always the embedding (model.tie_word_embeddings)";
  if (*model.head_dim * model.num_attention_heads != model.hidden_size && !g4) {
    return "its heads always divide hidden_size (model.head_dim)";
  }
  if (!model.is_moe()) return "";
  const bool old_names = generation.names == KeyNames::kMiniMind;
  if (g4 && model.moe.n_shared_experts > 0) return "it has no shared experts (model.n_shared_experts)";
  if (old_names && model.moe.n_shared_experts != 1) return "it has exactly one shared expert (model.n_shared_experts)";
  const std::string own = own_routing(model);
  return own.empty() ? "" : "it has no " + own;
}

std::string fitting_generation(const ModelConfig& model) {
  const bool interleaved = model.rope_layout == "interleaved";
  const auto fits = [&](std::string_view name) { return misfit(find_generation(name, ""), model).empty(); };
  if (interleaved) {
    const std::string_view name = model.rope_theta < 1e5 ? "g1" : "g2";
    return fits(name) ? std::string(name) : "";
  }
  if (fits("g4")) return keeps_raw_top1(model) ? "g4c" : "g4";
  return fits("g3c") ? "g3c" : "";
}

}  // namespace mm
