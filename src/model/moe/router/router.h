// Which experts a token goes to, and with what weight. Axes: n tokens, d features, h features of the router's hidden
// layer, e experts (E of them), s slots (top-k, k of them), g groups of experts.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>

#include "model/moe/moe_config.h"
#include "model/weights.h"

namespace mm {

struct Routing {
  at::Tensor logits_ne;         ///< [tokens, experts] fp32
  at::Tensor scores_ne;         ///< [tokens, experts] fp32: what the choice is made by and the weights are made of
  at::Tensor probabilities_ne;  ///< [tokens, experts] fp32, each row sums to 1: what the balancing losses see
  at::Tensor experts_ns;        ///< [tokens, slots] int64, not differentiable
  at::Tensor weights_ns;        ///< [tokens, slots] fp32
};

/// [tokens, experts] fp32, as route() makes them.
at::Tensor router_logits(const at::Tensor& x_nd, const RouterWeights& weights, const MoeConfig& config, bool training);
at::Tensor router_scores(const at::Tensor& logits_ne, const std::string& scoring_func);

/// Everything in fp32:
///   logits  x W^T, or silu(x W0^T) W2^T with router_hidden_size; in training x is multiplied by U(1 - j, 1 + j) first
///           (router_jitter j, drawn from the device's generator)
///   scores  softmax, sigmoid or sqrt(softplus) of the logits
///   experts the k highest of score + bias (of the logits where there is no bias: scores rise with them), where
///           topk_group limits them among the experts of the best groups;
///           (n k + s) mod E for slot s of token n with force_uniform_routing
///   weights the chosen scores without bias, divided by their sum where the config says so, times routed_scaling_factor
/// Sums of scores are taken in the log domain, so that nothing is lost however low all logits of a token are; softmax
/// without a bias, whose sums cannot be small, keeps MiniMind's w / (sum w + 1e-20).
/// x_nd is [tokens, d] of any float dtype.
/// Source: Shazeer et al. 2017, arXiv 1701.06538; sigmoid and groups: DeepSeek-V3, arXiv 2412.19437; jitter: Switch
/// Transformer, arXiv 2101.03961; bias: arXiv 2408.15664.
Routing route(const at::Tensor& x_nd, const RouterWeights& weights, const MoeConfig& config, bool training);

}  // namespace mm
