// Who multiplies the rows of experts on a GPU.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>

#include "ops/experts/grouped_linear.h"
#include "recipe/run_config.h"

namespace mm {

/// What computes the products of this model's experts on a GPU, in `type`, from now on in the whole process: what
/// `run.expert_products` names, and the first of grouped_backends() with `auto`. None on a CPU and of a dense model.
/// Throws Error(kConfig) where the one that is named cannot, and tells which can.
std::optional<GroupedBackend> choose_expert_products(const RunConfig& config, at::Device device, at::ScalarType type);

}  // namespace mm
