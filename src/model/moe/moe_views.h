// The parts of a flat buffer that belong to one MoE layer's router and experts.
// Axes: e experts, h width of the router's last layer, p parameters of one expert matrix.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/model_config.h"
#include "model/parameters/parameters.h"

namespace mm {

/// Views: writing to them writes to the buffer.
struct MoeViews {
  std::vector<at::Tensor> gate;  ///< every matrix of the router, the last one behind its hidden layer
  at::Tensor experts_gate_up;    ///< [experts, p]
  at::Tensor experts_down;       ///< [experts, p]

  /// [experts, h]: the row of each expert.
  const at::Tensor& gate_rows() const { return gate.back(); }
};

/// Of `flat`, which is parameters.master(), its gradient or a moment of the optimizer; `layer` is one with
/// experts, by its number in the model.
MoeViews moe_views(const ModelConfig& config, const ParameterLayout& layout, const at::Tensor& flat, int64_t layer);

}  // namespace mm
