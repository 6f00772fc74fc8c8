// RMSNorm: the definition in plain ATen, a fused pass each way on the CPU, and ATen's fused kernel on CUDA.
#include "ops/rms_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/rms_norm.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

std::vector<at::Tensor> rms_norm_backward(const BackwardPass& pass) {
  const at::Tensor &x_nd = pass.saved[0], &weight_d = pass.saved[1], &inverse_rms_n = pass.saved[2];
  const at::Tensor dy_nd = pass.gradients[0].contiguous();
  const int64_t d = weight_d.size(0);
  at::Tensor dx_nd = at::empty_like(x_nd);
  const at::Tensor dw_d =
      cpu::sum_over_rows(x_nd.numel() / d, d, x_nd.options(), [&](int64_t begin, int64_t end, float* dw) {
        cpu::rms_norm_backward(dy_nd.const_data_ptr<float>(), x_nd.const_data_ptr<float>(),
                               weight_d.const_data_ptr<float>(), inverse_rms_n.const_data_ptr<float>(), d, begin, end,
                               dx_nd.mutable_data_ptr<float>(), dw);
      });
  return {dx_nd, dw_d};
}

at::Tensor fused_rms_norm(const at::Tensor& x, const at::Tensor& weight_d, double eps) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor x_nd = x.contiguous();
    const int64_t d = weight_d.size(0), rows = x_nd.numel() / d;
    at::Tensor y_nd = at::empty_like(x_nd);
    at::Tensor inverse_rms_n = at::empty({rows}, x_nd.options());
    cpu::for_rows(rows, d, [&](int64_t begin, int64_t end) {
      cpu::rms_norm_forward(x_nd.const_data_ptr<float>(), weight_d.const_data_ptr<float>(), static_cast<float>(eps), d,
                            begin, end, y_nd.mutable_data_ptr<float>(), inverse_rms_n.mutable_data_ptr<float>());
    });
    return {.outputs = {y_nd}, .saved = {x_nd, weight_d, inverse_rms_n}};
  };
  return own_gradient({x, weight_d}, forward, rms_norm_backward)[0];
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x_nd, const at::Tensor& weight_d, double eps, at::ScalarType dtype,
                    NormRounding rounding) {
  if (cpu::is_fp32_cpu(x_nd) && dtype == at::kFloat) return fused_rms_norm(x_nd, weight_d, eps);
  if (x_nd.is_cuda() && rounding == NormRounding::kAfterWeight) {
    return at::rms_norm(x_nd.to(at::kFloat), weight_d.sizes(), weight_d, eps).to(dtype);
  }
  return reference::rms_norm(x_nd, weight_d, eps, dtype, rounding);
}

namespace reference {

at::Tensor rms_norm(const at::Tensor& x_nd, const at::Tensor& weight_d, double eps, at::ScalarType dtype,
                    NormRounding rounding) {
  const at::Tensor x = x_nd.to(at::kFloat);
  const at::Tensor normed = x * (x.square().mean(-1, true) + eps).rsqrt();
  if (rounding == NormRounding::kAfterWeight) return (normed * weight_d).to(dtype);
  return (normed.to(dtype) * weight_d).to(dtype);
}

}  // namespace reference
}  // namespace mm
