// Ops whose gradient is written by hand. LibTorch's header for that costs ten seconds a file: it is seen by one.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <vector>

namespace mm {

/// What a forward pass gives, and what it keeps for the backward pass.
struct ForwardPass {
  std::vector<at::Tensor> outputs;
  std::vector<at::Tensor> saved = {};
};

/// What a backward pass works from.
struct BackwardPass {
  std::vector<at::Tensor> gradients;  ///< of the outputs; zeros where one was not used
  std::vector<at::Tensor> saved;
  std::vector<bool> wanted;  ///< of each input: whether its gradient is
};

/// The gradients of the inputs; undefined where there is none. It outlives the forward pass, so it holds by value what
/// it knows besides `pass`, and no tensors: those are `saved`, where the graph counts them and can free them.
using BackwardFunction = std::function<std::vector<at::Tensor>(const BackwardPass& pass)>;

/// The outputs of `forward`, which runs at once and without a graph; the gradients of the defined `inputs` come from
/// `backward`.
std::vector<at::Tensor> own_gradient(const std::vector<at::Tensor>& inputs, const std::function<ForwardPass()>& forward,
                                     BackwardFunction backward);

}  // namespace mm
