// RMSNorm: the definition in plain ATen, and a fused pass each way on the CPU and on CUDA.
#include "ops/rms_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/cuda/launch.h"
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

/// The gradients of x, branch and weight, of which the first is fp32 and the second in the dtype of the norm.
std::vector<at::Tensor> norm_backward_on_cuda(const BackwardPass& pass, double eps, bool round_before_weight) {
  const at::Tensor &sum_nd = pass.saved[0], &weight_d = pass.saved[1];
  const bool has_branch = pass.gradients.size() == 2;
  const at::Tensor dsum_nd = has_branch ? pass.gradients[0].contiguous() : at::Tensor();
  const at::Tensor dy_nd = pass.gradients.back().contiguous();
  const int64_t d = weight_d.size(0), rows = sum_nd.numel() / d;
  const at::Tensor dx_nd = at::empty_like(sum_nd);
  const bool narrow = dy_nd.scalar_type() != at::kFloat;
  const at::Tensor dbranch_nd = has_branch && narrow ? at::empty_like(dy_nd) : at::Tensor();
  const at::Tensor dw_partial = at::empty({cuda::partial_sums(rows), d}, weight_d.options());
  cuda::add_rms_norm_backward(cuda::element_type(dy_nd), cuda::read(dy_nd), cuda::read<float>(sum_nd),
                              cuda::read<float>(dsum_nd), cuda::read<float>(weight_d), static_cast<float>(eps), rows, d,
                              round_before_weight, cuda::write<float>(dx_nd), cuda::write(dbranch_nd),
                              cuda::write<float>(dw_partial), cuda::OnDevice(sum_nd));
  return {dx_nd, has_branch && !narrow ? dx_nd : dbranch_nd, dw_partial.sum(0)};
}

NormedSum norm_on_cuda(const at::Tensor& x, const at::Tensor& branch, const at::Tensor& weight_d, double eps,
                       at::ScalarType dtype, NormRounding rounding) {
  const bool round_before_weight = rounding == NormRounding::kBeforeWeight;
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor x_nd = x.contiguous(), branch_nd = branch.defined() ? branch.contiguous() : branch;
    const int64_t d = weight_d.size(0), rows = x_nd.numel() / d;
    const at::Tensor y_nd = at::empty(x_nd.sizes(), x_nd.options().dtype(dtype));
    const at::Tensor sum_nd = branch.defined() ? at::empty_like(x_nd) : x_nd;
    cuda::add_rms_norm_forward(cuda::element_type(dtype), cuda::read<float>(x_nd), cuda::read(branch_nd),
                               cuda::read<float>(weight_d), static_cast<float>(eps), rows, d, round_before_weight,
                               branch.defined() ? cuda::write<float>(sum_nd) : nullptr, cuda::write(y_nd),
                               cuda::OnDevice(x_nd));
    ForwardPass pass{.outputs = {sum_nd, y_nd}, .saved = {sum_nd, weight_d}};
    if (!branch.defined()) pass.outputs = {y_nd};
    return pass;
  };
  const auto backward = [=](const BackwardPass& pass) { return norm_backward_on_cuda(pass, eps, round_before_weight); };
  const std::vector<at::Tensor> outputs = own_gradient({x, branch, weight_d}, forward, backward);
  return {branch.defined() ? outputs[0] : x, outputs.back()};
}

bool cuda_takes(const at::Tensor& x_nd, const at::Tensor& weight_d) {
  return cuda::takes(x_nd) && cuda::takes_norm_width(weight_d.size(0));
}

}  // namespace

at::Tensor rms_norm(const at::Tensor& x_nd, const at::Tensor& weight_d, double eps, at::ScalarType dtype,
                    NormRounding rounding) {
  if (cuda_takes(x_nd, weight_d))
    return norm_on_cuda(x_nd.to(at::kFloat), {}, weight_d, eps, dtype, rounding).normed_nd;
  if (cpu::is_fp32_cpu(x_nd) && dtype == at::kFloat) return fused_rms_norm(x_nd, weight_d, eps);
  return reference::rms_norm(x_nd, weight_d, eps, dtype, rounding);
}

NormedSum add_rms_norm(const at::Tensor& x_nd, const at::Tensor& branch_nd, const at::Tensor& weight_d, double eps,
                       at::ScalarType dtype, NormRounding rounding) {
  const bool fits = !branch_nd.defined() || branch_nd.scalar_type() == dtype;
  if (fits && cuda_takes(x_nd, weight_d)) return norm_on_cuda(x_nd, branch_nd, weight_d, eps, dtype, rounding);
  const at::Tensor sum_nd = branch_nd.defined() ? x_nd + branch_nd : x_nd;
  return {sum_nd, rms_norm(sum_nd, weight_d, eps, dtype, rounding)};
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
