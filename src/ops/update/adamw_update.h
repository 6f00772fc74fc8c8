// An update by AdamW: what an optimizer does to a range of its flat buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/cuda/kernels.h"

namespace mm {

using cuda::AdamWNumbers;

/// A range of the flat buffers, each contiguous.
struct AdamWTensors {
  at::Tensor parameters, gradients, first_moment, second_moment;  ///< [elements] fp32
  at::Tensor shadow;    ///< [n] 16 bit, n <= elements: the first n parameters, rounded; undefined: there is none
  int64_t decayed = 0;  ///< elements [0, decayed) are
};

/// With g = gradients / divisor and t = updates, in place:
///   p -= lr * wd * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
///   p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
/// The shadow follows the parameters, and the gradients become 0. Where `skip` is 1 they do so and nothing else
/// changes, whatever the gradients hold. No host sync.
///   divisor, skip, updates  scalars fp32 on the same device; this update is one of `updates`
/// Source: Loshchilov & Hutter 2019, arXiv 1711.05101.
void adamw_update(const AdamWTensors& range, const AdamWNumbers& numbers, const at::Tensor& divisor,
                  const at::Tensor& skip, const at::Tensor& updates);

namespace reference {
/// The definition: ATen's fused AdamW for what is decayed and for what is not, a copy, zeros.
void adamw_update(const AdamWTensors& range, const AdamWNumbers& numbers, const at::Tensor& divisor,
                  const at::Tensor& skip, const at::Tensor& updates);
}  // namespace reference

}  // namespace mm
