// All that a layer wants of its router for a micro-batch: the choice, the rows of the experts, what is told of it, and
// the losses.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/moe/moe_config.h"
#include "model/weights.h"
#include "ops/documents.h"
#include "ops/experts/dispatch.h"

namespace mm {

struct BatchRouting {
  at::Tensor x_nd;             ///< x itself, for shared experts: RoutedFeatures says why
  DispatchPlan plan;           ///< plan_dispatch() of experts_ns
  at::Tensor rows_rd;          ///< dispatch() of x
  at::Tensor experts_ns;       ///< [tokens, slots] int64
  at::Tensor weights_ns;       ///< [tokens, slots] fp32
  at::Tensor expert_tokens_e;  ///< [experts] int64: (token, slot) pairs, padding excluded, without gradient
  // The rest is undefined unless training.
  at::Tensor router_sums_qe = {};  ///< [2, experts] fp32: router_sums()
  at::Tensor balance_loss = {};    ///< scalar fp32: scaled_balance_loss(); undefined when there is none
  at::Tensor z_loss = {};          ///< scalar fp32: scaled_z_loss(); undefined when there is none
  at::Tensor margins_em = {};      ///< [experts, bins] int32: margin_counts(); undefined unless balance is "quantile"
};

struct RoutingMode {
  bool training = false;                 ///< losses and sums, jitter
  const Documents* documents = nullptr;  ///< what aux_loss "sequence" takes for sequences; null: rows
};

/// route(), dispatch(), router_sums() and the losses, each of which has its definition. On CUDA routing and losses are
/// two launches forward and one backward, but for experts in turn, more of them than kMostRoutedExperts, and the loss
/// of documents; a router that is one product, and the rows, are routed_features().
///   x_nd        [batch * time, d] of any float dtype
///   counted_bt  [batch, time] fp32: 1 where a token counts in losses and sums, 0 on padding
BatchRouting route_batch(const at::Tensor& x_nd, const at::Tensor& counted_bt, const RouterWeights& weights,
                         const MoeConfig& config, const RoutingMode& mode);

namespace reference {
BatchRouting route_batch(const at::Tensor& x_nd, const at::Tensor& counted_bt, const RouterWeights& weights,
                         const MoeConfig& config, const RoutingMode& mode);
}  // namespace reference

}  // namespace mm
