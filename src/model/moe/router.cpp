// Scores, the top-k of them, and their weights.
#include "model/moe/router.h"

#include <ATen/ops/softmax.h>
#include <ATen/ops/topk.h>

#include "ops/linear.h"

namespace mm {
namespace {

/// MiniMind's guard against a sum of zero.
constexpr double kSumGuard = 1e-20;

bool normalises_weights(const MoeConfig& config) {
  return config.norm_topk_prob && (config.num_experts_per_tok > 1 || config.norm_top1_prob);
}

}  // namespace

Routing route(const at::Tensor& x_nd, const at::Tensor& gate_ed, const MoeConfig& config) {
  Routing routing;
  routing.logits_ne = mm::linear(x_nd.to(at::kFloat), gate_ed);
  at::Tensor scores_ne;
  if (config.scoring_func == "sigmoid") {
    scores_ne = routing.logits_ne.sigmoid();
    routing.probabilities_ne = scores_ne / (scores_ne.sum(-1, true) + kSumGuard);
  } else {
    scores_ne = routing.logits_ne.softmax(-1);
    routing.probabilities_ne = scores_ne;
  }
  std::tie(routing.weights_ns, routing.experts_ns) =
      scores_ne.topk(config.num_experts_per_tok, -1, true, /*sorted=*/false);
  if (normalises_weights(config)) {
    routing.weights_ns = routing.weights_ns / (routing.weights_ns.sum(-1, true) + kSumGuard);
  }
  if (config.routed_scaling_factor != 1.0) routing.weights_ns = routing.weights_ns * config.routed_scaling_factor;
  return routing;
}

}  // namespace mm
