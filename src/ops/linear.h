// Matrix products with a weight. Axes: n rows, i input features, o output features.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// y = x W^T.
///   x_ni [rows, in], weight_oi [out, in] of one dtype; returns [rows, out].
/// Where the weight already has a gradient tensor, the backward pass adds to it in place (one GEMM with beta = 1, no
/// temporary of the weight's size); otherwise the gradient is returned to autograd.
at::Tensor linear(const at::Tensor& x_ni, const at::Tensor& weight_oi);

/// grad += dy^T x, in place: the gradient of such a weight. `grad_oi` is fp32 where it has another dtype than the other
/// two; their product is then rounded to that of theirs on a CPU, and not on CUDA.
void add_weight_gradient(at::Tensor& grad_oi, const at::Tensor& dy_no, const at::Tensor& x_ni);

}  // namespace mm
