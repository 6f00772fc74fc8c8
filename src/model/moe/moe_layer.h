// The mixture-of-experts feed-forward: router, dispatch, experts, combine, shared experts.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/model_config.h"
#include "model/weights.h"
#include "ops/documents.h"

namespace mm {

/// How an MoE layer is run.
struct MoeMode {
  bool training = false;                 ///< balancing losses, router sums, jitter and capacity
  double dropout = 0.0;                  ///< on the output of each expert
  bool inspect = false;                  ///< report how large the output of each expert is
  const Documents* documents = nullptr;  ///< what aux_loss "sequence" takes for sequences; null: rows
};

/// What an MoE layer gives besides its output. Losses are scaled by their coefficients and undefined when switched off.
struct MoeReport {
  at::Tensor balance_loss;      ///< scalar fp32
  at::Tensor z_loss;            ///< scalar fp32
  at::Tensor expert_tokens_e;   ///< [experts] int64: (token, slot) pairs, padding excluded, without gradient
  at::Tensor dropped_tokens_e;  ///< [experts] int64: those of them beyond the capacity; undefined without one
  at::Tensor margins_em;        ///< [experts, bins] int32: margin_counts(); undefined unless balance is "quantile"
  at::Tensor experts_ns;        ///< [tokens, slots] int64: where each token went, padding included
  at::Tensor weights_ns;        ///< [tokens, slots] fp32: of the outputs there; undefined while training
  at::Tensor router_sums_qe;    ///< [2, experts] fp32: router_sums(); undefined unless training
  at::Tensor output_squares_e;  ///< [experts] fp32: output_squares(); undefined unless inspected
};

/// sum over the top-k of weight * expert(x), plus every shared expert(x), times sigmoid(x w^T) where they are gated.
/// Dropless unless training with a capacity: a dropped pair then adds nothing, and the other weights stay as they are.
///   x_nd        [batch * time, d]
///   counted_bt  [batch, time] fp32: 1 where a token counts in the losses and the report, 0 on padding
at::Tensor moe_layer(const at::Tensor& x_nd, const at::Tensor& counted_bt, const MoeWeights& weights,
                     const ModelConfig& config, const MoeMode& mode, MoeReport& report);

}  // namespace mm
