// What LibTorch computes on CUDA alone, for tests that emulate one: products of 16-bit numbers that are summed in fp32.
// For one file of a program.
#pragma once

#include <ATen/ops/addmm.h>
#include <torch/library.h>

namespace mm {
namespace {

at::Tensor& add_sixteen_bit_product(const at::Tensor& self, const at::Tensor& a, const at::Tensor& b,
                                    at::ScalarType out_dtype, const at::Scalar& beta, const at::Scalar& alpha,
                                    at::Tensor& out) {
  TORCH_CHECK(a.scalar_type() == b.scalar_type() && out.scalar_type() == out_dtype, "as on CUDA");
  TORCH_CHECK(out_dtype == at::kFloat && self.scalar_type() == out_dtype, "as on CUDA");
  return at::addmm_out(out, self, a.to(at::kFloat), b.to(at::kFloat), beta, alpha);
}

}  // namespace
}  // namespace mm

TORCH_LIBRARY_IMPL(aten, CPU, library) {
  library.impl("addmm.dtype_out", &mm::add_sixteen_bit_product);
}
