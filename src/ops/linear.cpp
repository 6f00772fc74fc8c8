// Products with a weight, one GEMM each or one per expert, whose backward adds to the gradient in place.
#include "ops/linear.h"

#include <ATen/ops/_grouped_mm.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/zeros_like.h>
#include <torch/csrc/autograd/custom_function.h>

namespace mm {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

/// grad += dy^T x, in place.
void add_weight_gradient(at::Tensor& grad_oi, const at::Tensor& dy_no, const at::Tensor& x_ni) {
  if (grad_oi.scalar_type() == x_ni.scalar_type()) {
    grad_oi.addmm_(dy_no.t(), x_ni);
  } else {
    grad_oi.add_(at::mm(dy_no.t(), x_ni));
  }
}

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

/// One GEMM per expert with rows, on slices: no copy of rows or weights. Reads `ends_e` on the host, so CPU only.
struct GroupedLinearCpu : torch::autograd::Function<GroupedLinearCpu> {
  template <class Visit>
  static void for_each_expert(const at::Tensor& ends_e, Visit visit) {
    const int32_t* ends = ends_e.const_data_ptr<int32_t>();
    int64_t begin = 0;
    for (int64_t expert = 0; expert < ends_e.size(0); ++expert) {
      if (ends[expert] > begin) visit(expert, begin, ends[expert] - begin);
      begin = ends[expert];
    }
  }

  static at::Tensor forward(AutogradContext* context, const at::Tensor& x_ri, const at::Tensor& weight_eoi,
                            const at::Tensor& ends_e) {
    context->save_for_backward({x_ri, weight_eoi, ends_e});
    at::Tensor y_ro = at::empty({x_ri.size(0), weight_eoi.size(1)}, x_ri.options());
    for_each_expert(ends_e, [&](int64_t expert, int64_t begin, int64_t rows) {
      at::Tensor out = y_ro.narrow(0, begin, rows);
      at::mm_out(out, x_ri.narrow(0, begin, rows), weight_eoi.select(0, expert).t());
    });
    return y_ro;
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    const variable_list saved = context->get_saved_variables();
    const at::Tensor& x_ri = saved[0];
    const at::Tensor& weight_eoi = saved[1];
    const at::Tensor& ends_e = saved[2];
    const at::Tensor dy_ro = gradients[0].contiguous();
    at::Tensor dx_ri, dw_eoi;
    if (context->needs_input_grad(0)) {
      dx_ri = at::empty_like(x_ri);
      for_each_expert(ends_e, [&](int64_t expert, int64_t begin, int64_t rows) {
        at::Tensor out = dx_ri.narrow(0, begin, rows);
        at::mm_out(out, dy_ro.narrow(0, begin, rows), weight_eoi.select(0, expert));
      });
    }
    if (context->needs_input_grad(1)) {
      const bool in_place = weight_eoi.grad().defined();
      at::Tensor target_eoi = in_place ? weight_eoi.mutable_grad() : at::zeros_like(weight_eoi);
      for_each_expert(ends_e, [&](int64_t expert, int64_t begin, int64_t rows) {
        at::Tensor grad = target_eoi.select(0, expert);
        add_weight_gradient(grad, dy_ro.narrow(0, begin, rows), x_ri.narrow(0, begin, rows));
      });
      if (!in_place) dw_eoi = target_eoi;
    }
    return {dx_ri, dw_eoi, at::Tensor()};
  }
};

}  // namespace

at::Tensor linear(const at::Tensor& x_ni, const at::Tensor& weight_oi) {
  return Linear::apply(x_ni, weight_oi);
}

at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  if (x_ri.is_cpu()) return GroupedLinearCpu::apply(x_ri, weight_eoi, ends_e);
  return at::_grouped_mm(x_ri, weight_eoi.transpose(1, 2), ends_e);
}

namespace reference {

at::Tensor grouped_linear(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  const at::Tensor host_ends = ends_e.cpu();
  std::vector<at::Tensor> outputs;
  int64_t begin = 0;
  for (int64_t expert = 0; expert < weight_eoi.size(0); ++expert) {
    const int64_t end = host_ends.const_data_ptr<int32_t>()[expert];
    outputs.push_back(at::linear(x_ri.slice(0, begin, end), weight_eoi.select(0, expert)));
    begin = end;
  }
  return at::cat(outputs);
}

}  // namespace reference
}  // namespace mm
