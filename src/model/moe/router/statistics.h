// What is to be told of a router and its experts besides their load: sums over tokens, without gradient, on the device.
// Axes: n tokens, e experts, r routed rows, d features, q quantities.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/moe/router/router.h"

namespace mm {

/// The pairs of each row that chose each expert, counted by weights [rows, pairs] of 0 and 1: [rows, experts] fp32.
/// Whole numbers below 2^24, so fp32 sums of them are exact in any order.
at::Tensor count_by_expert(const at::Tensor& experts, const at::Tensor& counted, int64_t num_experts);

/// Row 0: sum over the counted tokens of -p_e ln p_e, p the router's probabilities: added up over the experts and
/// divided by the tokens it is the mean entropy of a token's choice, in nats. Row 1: the same of |logit_e|.
///   counted_n  [tokens] fp32: 1 where a token counts, 0 on padding
/// Returns [2, experts] fp32.
at::Tensor router_sums(const Routing& routing, const at::Tensor& counted_n);

/// The sum of squares of all that each expert gave: not finite where one value is not.
///   out_rd  [rows, d], sorted by expert; ends_e [experts] int32: one past the last row of each
/// Returns [experts] fp32.
at::Tensor output_squares(const at::Tensor& out_rd, const at::Tensor& ends_e);

}  // namespace mm
