// Logits, scores, the choice, and the weights of what was chosen.
#include "model/moe/router/router.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/log_softmax.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/softplus.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/where.h>

#include <limits>

#include "ops/linear.h"

namespace mm {
namespace {

/// MiniMind's guard against a sum of zero.
constexpr double kSumGuard = 1e-20;

/// log(scores), also where the scores themselves are too small for fp32 or for their sum to be told from the guard.
at::Tensor log_scores(const at::Tensor& logits_ne, const std::string& function) {
  // at::log_sigmoid, which has no kernel for tensors without data.
  if (function == "sigmoid") return -at::softplus(-logits_ne);
  if (function == "sqrtsoftplus") {
    // softplus(x) = e^x (1 - e^x / 2 + ...): below this its logarithm is x to the last bit of fp32.
    constexpr double kLinear = -17;
    const at::Tensor curved_ne = at::softplus(logits_ne.clamp_min(kLinear)).log();
    return 0.5 * at::where(logits_ne < kLinear, logits_ne, curved_ne);
  }
  return logits_ne.log_softmax(-1);
}

/// The scores of experts outside a token's best groups become -inf. A group counts as much as its two best together.
at::Tensor within_best_groups(const at::Tensor& scores_ne, const MoeConfig& config) {
  const int64_t group_size = config.num_experts / config.n_group;
  const at::Tensor scores_nge = scores_ne.view({-1, config.n_group, group_size});
  const at::Tensor group_scores_ng = std::get<0>(scores_nge.topk(std::min<int64_t>(2, group_size))).sum(-1);
  const at::Tensor best_ng = std::get<1>(group_scores_ng.topk(config.topk_group));
  const at::Tensor offset_ng =
      at::full_like(group_scores_ng, -std::numeric_limits<double>::infinity()).scatter_(1, best_ng, 0.0);
  return (scores_nge + offset_ng.unsqueeze(-1)).view_as(scores_ne);
}

at::Tensor experts_in_turn(int64_t tokens, const MoeConfig& config, at::Device device) {
  const int64_t slots = config.num_experts_per_tok;
  const auto options = at::TensorOptions().dtype(at::kLong).device(device);
  return at::arange(tokens * slots, options).remainder(config.num_experts).view({tokens, slots});
}

at::Tensor choose_experts(at::Tensor scores_ne, const at::Tensor& bias_e, const MoeConfig& config) {
  if (config.force_uniform_routing) return experts_in_turn(scores_ne.size(0), config, scores_ne.device());
  if (bias_e.defined()) scores_ne = scores_ne + bias_e;
  if (config.limits_groups()) scores_ne = within_best_groups(scores_ne, config);
  return std::get<1>(scores_ne.topk(config.num_experts_per_tok, -1, true, /*sorted=*/false));
}

}  // namespace

at::Tensor router_logits(const at::Tensor& x_nd, const RouterWeights& weights, const MoeConfig& config, bool training) {
  const double jitter = training ? config.router_jitter : 0.0;
  at::Tensor x = x_nd.to(at::kFloat);
  if (jitter > 0) x = x * at::empty_like(x).uniform_(1.0 - jitter, 1.0 + jitter);
  if (weights.hidden_hd.defined()) x = at::silu(mm::linear(x, weights.hidden_hd));
  return mm::linear(x, weights.gate);
}

at::Tensor router_scores(const at::Tensor& logits_ne, const std::string& scoring_func) {
  if (scoring_func == "sigmoid") return logits_ne.sigmoid();
  // The root has an infinite slope at 0, which softplus reaches in fp32.
  if (scoring_func == "sqrtsoftplus") return at::softplus(logits_ne).clamp_min(kSumGuard).sqrt();
  return logits_ne.softmax(-1);
}

Routing route(const at::Tensor& x_nd, const RouterWeights& weights, const MoeConfig& config, bool training) {
  Routing routing;
  routing.logits_ne = router_logits(x_nd, weights, config, training);
  routing.scores_ne = router_scores(routing.logits_ne, config.scoring_func);
  const bool softmax = config.scoring_func == "softmax";
  // Of softmax the chosen scores add up to 1 / (2 experts) at least, unless something else chose: MiniMind's division
  // does.
  const bool divides = softmax && !weights.bias_e.defined() && !config.force_uniform_routing;
  const at::Tensor log_scores_ne = divides ? at::Tensor() : log_scores(routing.logits_ne, config.scoring_func);
  routing.probabilities_ne = softmax ? routing.scores_ne : log_scores_ne.softmax(-1);
  // Scores of very low or high logits are equal in fp32 where the logits are not; a bias and groups are made for
  // scores.
  const bool by_logits = !softmax && !weights.bias_e.defined() && !config.limits_groups();
  routing.experts_ns =
      choose_experts((by_logits ? routing.logits_ne : routing.scores_ne).detach(), weights.bias_e, config);
  if (!config.normalises_weights()) {
    routing.weights_ns = routing.scores_ne.gather(1, routing.experts_ns);
  } else if (divides) {
    routing.weights_ns = routing.scores_ne.gather(1, routing.experts_ns);
    routing.weights_ns = routing.weights_ns / (routing.weights_ns.sum(-1, true) + kSumGuard);
  } else {
    routing.weights_ns = log_scores_ne.gather(1, routing.experts_ns).softmax(-1);
  }
  if (config.routed_scaling_factor != 1.0) routing.weights_ns = routing.weights_ns * config.routed_scaling_factor;
  return routing;
}

}  // namespace mm
