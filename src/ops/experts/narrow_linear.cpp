// The definition converts x to fp32, and its gradient back; CUDA reads x as it is.
#include "ops/experts/narrow_linear.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ops/cuda/launch.h"
#include "ops/linear.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

std::vector<at::Tensor> narrow_linear_backward(const BackwardPass& pass) {
  const at::Tensor &x_ni = pass.saved[0], &weight_oi = pass.saved[1];
  const at::Tensor dy_no = pass.gradients[0].contiguous(), dx_before_ni = pass.gradients[1].contiguous();
  const int64_t rows = x_ni.size(0), in = x_ni.size(1), out = weight_oi.size(0);
  const at::Tensor dx_ni = at::empty_like(x_ni);
  const at::Tensor dw_partial = at::empty({cuda::narrow_linear_slices(rows, out), out, in}, weight_oi.options());
  cuda::narrow_linear_backward(cuda::element_type(x_ni), cuda::read(dx_before_ni), cuda::read<float>(dy_no),
                               cuda::read(x_ni), cuda::read<float>(weight_oi), rows, in, out, cuda::write(dx_ni),
                               cuda::write<float>(dw_partial), cuda::OnDevice(x_ni));
  return {dx_ni, dw_partial.sum(0)};
}

NarrowProduct narrow_linear_on_cuda(const at::Tensor& x, const at::Tensor& weight) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor x_ni = x.contiguous(), weight_oi = weight.contiguous();
    const int64_t rows = x_ni.size(0), in = x_ni.size(1), out = weight_oi.size(0);
    const at::Tensor y_no = at::empty({rows, out}, weight_oi.options());
    cuda::narrow_linear_forward(cuda::element_type(x_ni), cuda::read(x_ni), cuda::read<float>(weight_oi), rows, in, out,
                                cuda::write<float>(y_no), cuda::OnDevice(x_ni));
    return {.outputs = {y_no, x_ni.detach()}, .saved = {x_ni, weight_oi}};
  };
  const std::vector<at::Tensor> outputs = own_gradient({x, weight}, forward, narrow_linear_backward);
  return {outputs[0], outputs[1]};
}

}  // namespace

NarrowProduct narrow_linear(const at::Tensor& x_ni, const at::Tensor& weight_oi) {
  if (cuda::takes(x_ni) && weight_oi.size(0) <= cuda::kMostNarrowOutputs) return narrow_linear_on_cuda(x_ni, weight_oi);
  return reference::narrow_linear(x_ni, weight_oi);
}

namespace reference {

NarrowProduct narrow_linear(const at::Tensor& x_ni, const at::Tensor& weight_oi) {
  return {mm::linear(x_ni.to(at::kFloat), weight_oi), x_ni};
}

}  // namespace reference
}  // namespace mm
