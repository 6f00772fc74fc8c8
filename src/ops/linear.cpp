// A product with a weight, one GEMM, whose backward adds to the gradient in place.
#include "ops/linear.h"

#include <ATen/ops/addmm.h>
#include <ATen/ops/mm.h>

#include "ops/cuda/launch.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

std::vector<at::Tensor> linear_backward(const BackwardPass& pass) {
  const at::Tensor &x_ni = pass.saved[0], &weight_oi = pass.saved[1], &dy_no = pass.gradients[0];
  at::Tensor dx, dw;
  if (pass.wanted[0]) dx = at::mm(dy_no, weight_oi);
  if (pass.wanted[1]) {
    if (weight_oi.grad().defined()) {
      add_weight_gradient(weight_oi.mutable_grad(), dy_no, x_ni);
    } else {
      dw = at::mm(dy_no.t(), x_ni);
    }
  }
  return {dx, dw};
}

}  // namespace

void add_weight_gradient(at::Tensor& grad_oi, const at::Tensor& dy_no, const at::Tensor& x_ni) {
  if (grad_oi.scalar_type() == x_ni.scalar_type()) {
    grad_oi.addmm_(dy_no.t(), x_ni);
  } else if (cuda::takes(grad_oi)) {
    at::addmm_out(grad_oi, grad_oi, dy_no.t(), x_ni, at::kFloat);  // summed, and left, in fp32
  } else {
    grad_oi.add_(at::mm(dy_no.t(), x_ni));
  }
}

at::Tensor linear(const at::Tensor& x_ni, const at::Tensor& weight_oi) {
  const auto forward = [&]() -> ForwardPass {
    return {.outputs = {at::mm(x_ni, weight_oi.t())}, .saved = {x_ni, weight_oi}};
  };
  return own_gradient({x_ni, weight_oi}, forward, linear_backward)[0];
}

}  // namespace mm
