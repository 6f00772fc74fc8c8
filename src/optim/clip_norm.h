// The gradient norm that PyTorch clips by, with its rounding.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace mm {

/// The L2 norm over all of `gradients` (fp32, one for each parameter) as torch.nn.utils.clip_grad_norm_ computes it:
/// the norm of their norms, each one running sum in fp32. Over the elements of an embedding such a sum is off by up to
/// 2e-4: flat_norm() is the right answer, this is the one to compare with Python. Scalar fp32, left on the device.
at::Tensor clip_norm(const std::vector<at::Tensor>& gradients);

}  // namespace mm
