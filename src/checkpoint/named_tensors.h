// Tensors by name, in an order: what a checkpoint is made of.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

namespace mm {

using NamedTensors = std::vector<std::pair<std::string, at::Tensor>>;

}  // namespace mm
