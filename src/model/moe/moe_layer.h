// The mixture-of-experts feed-forward: router, dispatch, experts, combine, shared experts.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/model_config.h"
#include "model/weights.h"

namespace mm {

/// What an MoE layer gives besides its output. Losses are scaled by their coefficients and undefined when switched off.
struct MoeReport {
  at::Tensor balance_loss;      ///< scalar fp32
  at::Tensor z_loss;            ///< scalar fp32
  at::Tensor expert_tokens_e;   ///< [experts] int64: (token, slot) pairs, padding excluded, without gradient
  at::Tensor dropped_tokens_e;  ///< [experts] int64: those of them beyond the capacity; undefined without one
  at::Tensor margins_em;        ///< [experts, bins] int32: margin_counts(); undefined unless balance is "quantile"
};

/// sum over the top-k of weight * expert(x), plus every shared expert(x), times sigmoid(x w^T) where they are gated.
/// Dropless unless training with a capacity: a dropped pair then adds nothing, and the other weights stay as they are.
///   x_nd        [batch * time, d]
///   counted_bt  [batch, time] fp32: 1 where a token counts in the losses and the report, 0 on padding
///   training    whether balancing losses are wanted; jitter and capacity
///   dropout     on the output of each expert
at::Tensor moe_layer(const at::Tensor& x_nd, const at::Tensor& counted_bt, const MoeWeights& weights,
                     const ModelConfig& config, bool training, double dropout, MoeReport& report);

}  // namespace mm
