// Which of the states a config has, and which rule changes it.
#include "model/moe/router/router_state.h"

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>

#include "model/moe/router/router_bias.h"

namespace mm {
namespace {

/// The share of each expert in the pairs of its layer, as it was where a layer had none.
at::Tensor shares(const at::Tensor& expert_tokens_le, const at::Tensor& before_le) {
  const at::Tensor total_l1 = expert_tokens_le.sum(1, true);
  return (expert_tokens_le / total_l1.clamp_min(1)).to(at::kFloat).where(total_l1 > 0, before_le);
}

/// Overwrites `state` with `next`, or not where the step was skipped.
void advance(const at::Tensor& state, const at::Tensor& next, const at::Tensor& skipped) {
  state.copy_(state.where(skipped != 0, next));
}

}  // namespace

RouterState make_router_state(const ModelConfig& config, at::Device device) {
  RouterState state;
  if (!config.is_moe()) return state;
  const at::TensorOptions options = at::TensorOptions().dtype(at::kFloat).device(device);
  const int64_t layers = config.moe_layers(), experts = config.moe.num_experts;
  if (config.moe.has_router_bias()) state.bias_le = at::zeros({layers, experts}, options);
  if (config.moe.aux_loss == "step") {
    state.load_le = at::full({layers, experts}, 1.0 / static_cast<double>(experts), options);
  }
  return state;
}

void update_router_state(const RouterState& state, const RouterCounts& counts, const at::Tensor& skipped,
                         const MoeConfig& config) {
  if (state.load_le.defined()) advance(state.load_le, shares(counts.expert_tokens_le, state.load_le), skipped);
  if (!state.bias_le.defined()) return;
  const at::Tensor next_le = config.balance == "quantile" ? quantile_bias(state.bias_le, counts.margins_lem, config)
                                                          : sign_bias(state.bias_le, counts.expert_tokens_le, config);
  advance(state.bias_le, next_le, skipped);
}

}  // namespace mm
