// Matrix products of rows with the weight of their expert. Axes: r rows, i input features, o output features, e
// experts.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// Rows of expert e are rows [ends[e-1], ends[e]) of x and are multiplied with weight e: y[r] = x[r] W[e(r)]^T.
///   x_ri [rows, in] sorted by expert, weight_eoi [experts, out, in], ends_e [experts] int32 on x's device, the last
///   one equal to rows; returns [rows, out].
/// An expert without rows gets a gradient of exactly zero. Gradients go where `linear` puts them.
/// In bf16 on a GPU of compute capability 9 or 10 this is one product for all experts, whose weight gradients are
/// rounded before they are added; elsewhere on CUDA it is one for each, and the host waits for `ends_e`.
at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e);

namespace reference {
/// The definition: one product per expert on slices of plain ATen tensors.
at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e);
}  // namespace reference

}  // namespace mm
