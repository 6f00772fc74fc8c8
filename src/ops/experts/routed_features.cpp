// The definition converts x to fp32, and its gradient back, and has autograd add the gradients; CUDA reads x as it is.
#include "ops/experts/routed_features.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "ops/cuda/launch.h"
#include "ops/linear.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

cuda::RoutedShape shape_of(const at::Tensor& x_nd, const at::Tensor& weight_ed, int64_t slots) {
  return {.tokens = x_nd.size(0), .d = x_nd.size(1), .experts = weight_ed.size(0), .slots = slots};
}

/// The gradients of x and of the weight. Outputs are the logits, the rows, and x where it is wanted.
std::vector<at::Tensor> routed_features_backward(const BackwardPass& pass) {
  const at::Tensor &x_nd = pass.saved[0], &weight_ed = pass.saved[1], &row_of_slot_ns = pass.saved[2];
  const at::Tensor dlogits_ne = pass.gradients[0].contiguous(), drows_rd = pass.gradients[1].contiguous();
  const at::Tensor dshared_nd = pass.gradients.size() == 3 ? pass.gradients[2].contiguous() : at::Tensor();
  const cuda::RoutedShape shape = shape_of(x_nd, weight_ed, row_of_slot_ns.size(1));
  const at::Tensor dx_nd = at::empty_like(x_nd);
  const at::Tensor dw_partial = at::empty({cuda::router_slices(shape), shape.experts, shape.d}, weight_ed.options());
  cuda::routed_features_backward(cuda::element_type(x_nd), shape, cuda::read(drows_rd),
                                 cuda::read<int64_t>(row_of_slot_ns), cuda::read(dshared_nd),
                                 cuda::read<float>(dlogits_ne), cuda::read(x_nd), cuda::read<float>(weight_ed),
                                 cuda::write(dx_nd), cuda::write<float>(dw_partial), cuda::OnDevice(x_nd));
  return {dx_nd, dw_partial.sum(0)};
}

RoutedFeatures routed_features_on_cuda(const at::Tensor& x, const at::Tensor& weight, const PlanOfLogits& plan_of,
                                       bool wants_x) {
  RoutedFeatures routed;
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor x_nd = x.contiguous(), weight_ed = weight.contiguous();
    const at::Tensor logits_ne = at::empty({x_nd.size(0), weight_ed.size(0)}, weight_ed.options());
    cuda::router_product(cuda::element_type(x_nd), shape_of(x_nd, weight_ed, 0), cuda::read(x_nd),
                         cuda::read<float>(weight_ed), cuda::write<float>(logits_ne), cuda::OnDevice(x_nd));
    routed.plan = plan_of(logits_ne);
    ForwardPass pass{.outputs = {logits_ne, dispatch(x_nd, routed.plan)},
                     .saved = {x_nd, weight_ed, routed.plan.row_of_slot_ns}};
    if (wants_x) pass.outputs.push_back(x_nd.detach());
    return pass;
  };
  const std::vector<at::Tensor> outputs = own_gradient({x, weight}, forward, routed_features_backward);
  routed.logits_ne = outputs[0];
  routed.rows_rd = outputs[1];
  if (wants_x) routed.x_nd = outputs[2];
  return routed;
}

}  // namespace

RoutedFeatures routed_features(const at::Tensor& x_nd, const at::Tensor& weight_ed, const PlanOfLogits& plan_of,
                               bool wants_x) {
  if (cuda::takes(x_nd) && weight_ed.size(0) <= cuda::kMostNarrowOutputs) {
    return routed_features_on_cuda(x_nd, weight_ed, plan_of, wants_x);
  }
  return reference::routed_features(x_nd, weight_ed, plan_of, wants_x);
}

namespace reference {

RoutedFeatures routed_features(const at::Tensor& x_nd, const at::Tensor& weight_ed, const PlanOfLogits& plan_of,
                               bool wants_x) {
  const at::Tensor logits_ne = mm::linear(x_nd.to(at::kFloat), weight_ed);
  const DispatchPlan plan = plan_of(logits_ne.detach());
  return {logits_ne, plan, mm::dispatch(x_nd, plan), wants_x ? x_nd : at::Tensor()};
}

}  // namespace reference
}  // namespace mm
