// Root-mean-square norm over the last axis.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// Where a result narrower than fp32 is rounded; the two are one in fp32.
enum class NormRounding {
  kBeforeWeight,  ///< round(r(x)) * w      Llama, MiniMind G2-G3
  kAfterWeight,   ///< round(r(x) * w)      MiniMind G4
};

/// r(x) * w with r(x) = x / sqrt(mean(x^2) + eps), computed in fp32.
///   x_nd [..., dim] any float dtype, rows may be strided; weight_d [dim] fp32; returns [..., dim] contiguous in
///   `dtype`.
/// Source: Zhang & Sennrich 2019, arXiv 1910.07467; MiniMind's generations differ in the rounding alone.
at::Tensor rms_norm(const at::Tensor& x_nd, const at::Tensor& weight_d, double eps, at::ScalarType dtype,
                    NormRounding rounding = NormRounding::kAfterWeight);

struct NormedSum {
  at::Tensor sum_nd;     ///< fp32
  at::Tensor normed_nd;  ///< in the dtype that was asked for
};

/// x + branch, and rms_norm() of it: what stands between two layers of a residual stream.
///   x_nd [..., dim] fp32; branch_nd of the same shape, in `dtype` or fp32, or undefined: then the sum is x.
NormedSum add_rms_norm(const at::Tensor& x_nd, const at::Tensor& branch_nd, const at::Tensor& weight_d, double eps,
                       at::ScalarType dtype, NormRounding rounding = NormRounding::kAfterWeight);

namespace reference {
at::Tensor rms_norm(const at::Tensor& x_nd, const at::Tensor& weight_d, double eps, at::ScalarType dtype,
                    NormRounding rounding = NormRounding::kAfterWeight);
}  // namespace reference

}  // namespace mm
