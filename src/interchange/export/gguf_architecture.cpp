// Matched from the special to the general.
#include "interchange/export/gguf_architecture.h"

namespace mm {

std::string name_of(GgufArchitecture architecture) {
  switch (architecture) {
    case GgufArchitecture::kLlama:
      return "llama";
    case GgufArchitecture::kQwen3:
      return "qwen3";
    case GgufArchitecture::kQwen3Moe:
      return "qwen3moe";
    case GgufArchitecture::kGlm4Moe:
      return "glm4moe";
  }
  return "";
}

Fitting<GgufArchitecture> gguf_architecture(const ModelConfig& model) {
  const auto refused = [](const std::string& obstacle) { return Fitting<GgufArchitecture>{.obstacle = obstacle}; };
  if (!model.is_moe()) return {.form = model.qk_norm ? GgufArchitecture::kQwen3 : GgufArchitecture::kLlama};
  const MoeConfig& moe = model.moe;
  if (moe.router_hidden_size > 0) return refused("a hidden layer in the router (model.router_hidden_size)");
  if (moe.force_uniform_routing) return refused("experts taken in turn (model.force_uniform_routing)");
  if (moe.scoring_func == "sqrtsoftplus") {
    return refused("sqrtsoftplus router scores (model.scoring_func; softmax and sigmoid have architectures)");
  }
  if (moe.limits_groups()) return refused("groups of experts (model.topk_group)");
  if (moe.shared_expert_gate) return refused("a gate on shared experts (model.shared_expert_gate)");
  const bool plain = moe.scoring_func == "softmax" && !moe.has_router_bias() && moe.n_shared_experts == 0 &&
                     moe.routed_scaling_factor == 1 && moe.first_k_dense_replace == 0;
  if (model.qk_norm && plain && moe.normalises_weights()) return {.form = GgufArchitecture::kQwen3Moe};
  return {.form = GgufArchitecture::kGlm4Moe};
}

}  // namespace mm
