// Matrix products of rows with the weight of their expert. Axes: r rows, i input features, o output features, e
// experts.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string_view>
#include <vector>

#include "ops/experts/row_ends.h"

namespace mm {

/// Rows of expert e are rows [ends[e-1], ends[e]) of x and are multiplied with weight e: y[r] = x[r] W[e(r)]^T.
///   x_ri [rows, in] sorted by expert, weight_eoi [experts, out, in], ends on x's device, the last one equal to rows;
///   returns [rows, out].
/// An expert without rows gets a gradient of exactly zero, and what a buffer holds for it stays. Gradients go where
/// `linear` puts them.
at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const RowEnds& ends);

/// How it is computed.
enum class GroupedBackend {
  kByExpert,     ///< a product for each expert; on CUDA the host waits for the ends
  kGroupedMm,    ///< LibTorch's for all: bf16 on compute capability 9 and 10; it rounds weight gradients before the sum
  kTensorCores,  ///< ours for all, the same bytes every time: 16 bits on 8.0+, widths multiples of 8, all contiguous
};
std::string_view name_of(GroupedBackend backend);

/// Those that can compute it here. The first one does, unless another is named.
std::vector<GroupedBackend> grouped_backends(const at::Tensor& x_ri, const at::Tensor& weight_eoi);
/// Makes `backend` the first of those wherever it is among them, in the whole process: before the first product, or not
/// at all.
void prefer_grouped_backend(std::optional<GroupedBackend> backend);
/// By one of them.
at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const RowEnds& ends,
                          GroupedBackend backend);

namespace reference {
/// The definition: one product per expert on slices of plain ATen tensors.
at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e);
}  // namespace reference

}  // namespace mm
