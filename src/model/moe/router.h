// Which experts a token goes to, and with what weight. Axes: n tokens, d features, e experts, s slots (top-k).
#pragma once

#include <ATen/core/Tensor.h>

#include "model/model_config.h"

namespace mm {

struct Routing {
  at::Tensor logits_ne;         ///< [tokens, experts] fp32
  at::Tensor probabilities_ne;  ///< [tokens, experts] fp32, each row sums to 1: what the balancing losses see
  at::Tensor experts_ns;        ///< [tokens, slots] int64, not differentiable
  at::Tensor weights_ns;        ///< [tokens, slots] fp32
};

/// Scores in fp32 (softmax or sigmoid of x W_gate^T), the top-k of them, their weights: the scores themselves, divided
/// by their sum where the config says so, times routed_scaling_factor.
///   x_nd [tokens, d] any float dtype, gate_ed [experts, d] fp32
/// Source: Shazeer et al. 2017, arXiv 1701.06538; sigmoid scores: DeepSeek-V3, arXiv 2412.19437.
Routing route(const at::Tensor& x_nd, const at::Tensor& gate_ed, const MoeConfig& config);

}  // namespace mm
