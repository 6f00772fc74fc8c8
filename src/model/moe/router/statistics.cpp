// Sums that stay on the device until the step is told.
#include "model/moe/router/statistics.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/searchsorted.h>
#include <ATen/ops/special_entr.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

namespace mm {

at::Tensor count_by_expert(const at::Tensor& experts, const at::Tensor& counted, int64_t num_experts) {
  return at::zeros({counted.size(0), num_experts}, counted.options())
      .scatter_add_(1, experts.view_as(counted), counted);
}

at::Tensor router_sums(const Routing& routing, const at::Tensor& counted_n) {
  const at::NoGradGuard no_gradients;
  return at::stack(
      {counted_n.matmul(at::special_entr(routing.probabilities_ne)), counted_n.matmul(routing.logits_ne.abs())});
}

at::Tensor output_squares(const at::Tensor& out_rd, const at::Tensor& ends_e) {
  const at::NoGradGuard no_gradients;
  const at::Tensor squares_r = out_rd.to(at::kFloat).square().sum(1);
  const at::Tensor rows_r = at::arange(squares_r.size(0), ends_e.options());
  const at::Tensor expert_of_row_r = at::searchsorted(ends_e, rows_r, /*out_int32=*/false, /*right=*/true);
  // A sum by product with a one-hot matrix would spread a NaN over all experts.
  return at::zeros({ends_e.size(0)}, squares_r.options()).index_add_(0, expert_of_row_r, squares_r);
}

}  // namespace mm
