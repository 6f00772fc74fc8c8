// What turns gradients into new weights. Which there are stands in optimizer_table.cpp.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/parameters/parameter_layout.h"
#include "optim/optim_config.h"

namespace mm {

/// Elements [begin, end) of a flat buffer.
struct FlatRange {
  int64_t begin = 0, end = 0;
};

/// The flat buffers that an optimizer works on, kept by the caller.
struct FlatBuffers {
  at::Tensor parameters, gradients;  ///< fp32, of one size
  at::Tensor shadow = {};            ///< 16 bit: the first of the parameters, rounded; undefined: there is none
};

/// A part of what an optimizer carries from step to step, as a checkpoint holds it.
struct OptimizerState {
  std::string name;                ///< `exp_avg`: before the names of the parameters; without `begin` the whole name
  at::Tensor values;               ///< writing to it changes the state
  std::optional<int64_t> begin{};  ///< values[i] belongs to element begin + i of the flat buffer; none: to no element
};

class Optimizer {
 public:
  virtual ~Optimizer() = default;

  /// One update from gradient / gradient_divisor. The shadow follows the parameters, and the gradients become 0. Where
  /// `skip` is 1 these do so and nothing else changes, whatever the gradient holds. No host sync.
  ///   gradient_divisor, skip  scalars fp32 on the parameters' device
  virtual void step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) = 0;

  /// Everything that step() changes besides the parameters, in the order of a checkpoint.
  virtual std::vector<OptimizerState> state() const = 0;

  /// What is remembered of these elements starts anew: they were replaced. Whole rows of matrices.
  virtual void forget(FlatRange elements) = 0;
};

/// The optimizer that `config.type` names.
///   layout   what lies where in the buffers
///   updated  what of them it updates, in order and apart from each other; empty: all. Of those that
///            can_update_parts() alone
std::unique_ptr<Optimizer> make_optimizer(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                          std::vector<FlatRange> updated = {});

}  // namespace mm
