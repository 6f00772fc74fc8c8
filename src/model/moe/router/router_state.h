// What a router carries from one optimizer step to the next besides its weights: no gradient, no optimizer, no decay.
// Axes: l MoE layers, e experts (E of them), m bins of margins.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/model_config.h"

namespace mm {

/// Tensors that the forward pass reads and update_router_state() changes in place.
struct RouterState {
  /// [layers, experts] fp32: added to the scores when experts are chosen, and nowhere else. Part of the model: without
  /// it tokens go elsewhere. Undefined with balance "none".
  at::Tensor bias_le;
  /// [layers, experts] fp32: the share of (token, slot) pairs that each expert got in the last step, 1/E before the
  /// first. Undefined unless aux_loss is "step".
  at::Tensor load_le;
};

/// The state before the first step.
RouterState make_router_state(const ModelConfig& config, at::Device device);

/// What the micro-batches of one optimizer step left behind, summed over them.
struct RouterCounts {
  at::Tensor expert_tokens_le;  ///< [layers, experts] int64: pairs, padding excluded
  at::Tensor margins_lem;       ///< [layers, experts, bins] int32: see margin_counts(); undefined unless "quantile"
};

/// Takes the state one optimizer step further, on the device, without reading it from the host.
///   skipped  scalar fp32: 1 when the step was not finite, which leaves the state as it is
void update_router_state(const RouterState& state, const RouterCounts& counts, const at::Tensor& skipped,
                         const MoeConfig& config);

}  // namespace mm
