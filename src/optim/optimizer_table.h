// Which optimizers there are, and what they cost. No torch.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/parameters/parameter_layout.h"
#include "optim/optim_config.h"

namespace mm {

/// The values of `optim.type`.
std::vector<std::string_view> optimizer_names();

/// Whether the optimizer that `config.type` names updates elements by themselves, so that any part of a buffer can be
/// updated alone.
bool can_update_parts(const OptimConfig& config);

struct OptimizerCost {
  double flops = 0;         ///< of the matrix products of one step; passes over the buffers are not counted
  int64_t state_bytes = 0;  ///< of a checkpoint, and as good as those in memory
};

/// Of the optimizer that `config.type` names, for parameters in this layout.
OptimizerCost optimizer_cost(const OptimConfig& config, const ParameterLayout& layout);

}  // namespace mm
