// A product in fp32 with a weight of few rows, of features that others read as well: the logits of a router.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

struct NarrowProduct {
  at::Tensor y_no;  ///< [rows, out] fp32
  /// [rows, in]: x itself. Whoever reads x besides should read this, so that the gradient that comes from there and
  /// that of the product are added in one pass, and rounded once.
  at::Tensor x_ni;
};

/// y = x W^T.
///   x_ni [rows, in] any float dtype, weight_oi [out, in] fp32
NarrowProduct narrow_linear(const at::Tensor& x_ni, const at::Tensor& weight_oi);

namespace reference {
NarrowProduct narrow_linear(const at::Tensor& x_ni, const at::Tensor& weight_oi);
}  // namespace reference

}  // namespace mm
