// A product with a weight, one GEMM, whose backward adds to the gradient in place.
#include "ops/linear.h"

#include <ATen/ops/mm.h>
#include <torch/csrc/autograd/custom_function.h>

namespace mm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

struct Linear : torch::autograd::Function<Linear> {
  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ni, const at::Tensor& weight_oi) {
    context->save_for_backward({x_ni, weight_oi});
    return at::mm(x_ni, weight_oi.t());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x_ni = saved[0];
    const at::Tensor& weight_oi = saved[1];
    const at::Tensor& dy_no = gradients[0];
    at::Tensor dx, dw;
    if (context->needs_input_grad(0)) dx = at::mm(dy_no, weight_oi);
    if (context->needs_input_grad(1)) {
      if (weight_oi.grad().defined()) {
        add_weight_gradient(weight_oi.mutable_grad(), dy_no, x_ni);
      } else {
        dw = at::mm(dy_no.t(), x_ni);
      }
    }
    return {dx, dw};
  }
};

}  // namespace

void add_weight_gradient(at::Tensor& grad_oi, const at::Tensor& dy_no, const at::Tensor& x_ni) {
  if (grad_oi.scalar_type() == x_ni.scalar_type()) {
    grad_oi.addmm_(dy_no.t(), x_ni);
  } else {
    grad_oi.add_(at::mm(dy_no.t(), x_ni));
  }
}

at::Tensor linear(const at::Tensor& x_ni, const at::Tensor& weight_oi) {
  return Linear::apply(x_ni, weight_oi);
}

}  // namespace mm
