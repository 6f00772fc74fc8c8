// Features where a router sends them: its product in fp32 with a weight of few rows, and a row for each slot of a
// token. Axes: n tokens, e experts, s slots, r = n * s routed rows, d features.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

#include "ops/experts/dispatch.h"

namespace mm {

struct RoutedFeatures {
  at::Tensor logits_ne;  ///< [tokens, experts] fp32: x W^T
  DispatchPlan plan;     ///< what the router made of them
  at::Tensor rows_rd;    ///< dispatch(x, plan)
  /// [tokens, d]: x itself, for who reads it besides (shared experts), so that what comes back from there, from the
  /// rows and from the logits is added in one pass, and rounded once. Undefined unless wanted.
  at::Tensor x_nd;
};

/// Where the router sends tokens with these logits, [tokens, experts] fp32 without a graph.
using PlanOfLogits = std::function<DispatchPlan(const at::Tensor& logits_ne)>;

/// x_nd [tokens, d] any float dtype, weight_ed [experts, d] fp32.
RoutedFeatures routed_features(const at::Tensor& x_nd, const at::Tensor& weight_ed, const PlanOfLogits& plan_of,
                               bool wants_x);

namespace reference {
RoutedFeatures routed_features(const at::Tensor& x_nd, const at::Tensor& weight_ed, const PlanOfLogits& plan_of,
                               bool wants_x);
}  // namespace reference

}  // namespace mm
