// Dispatch and combine: the definitions in plain ATen, and gathers in both directions in place of scatters.
#include "ops/experts/dispatch.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/argsort.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/ones_like.h>
#include <ATen/ops/zeros.h>

#include "ops/cpu/kernels.h"
#include "ops/cpu/rows.h"
#include "ops/cuda/launch.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

/// y[n] = sum over slots of weights[n][s] * x[row_of_slot[n][s]], + addend[n], in x's dtype; weights of 1 and none
/// added where undefined.
at::Tensor gather_sum_on_cuda(const at::Tensor& x, const at::Tensor& weights, const at::Tensor& row_of_slot_ns,
                              const at::Tensor& addend_nd) {
  const int64_t tokens = row_of_slot_ns.size(0), slots = row_of_slot_ns.size(1), d = x.size(1);
  const at::Tensor x_rd = x.contiguous();
  const at::Tensor y_nd = at::empty({tokens, d}, x_rd.options());
  cuda::gather_sum(cuda::element_type(x_rd), cuda::read(x_rd), cuda::read<float>(weights),
                   cuda::read<int64_t>(row_of_slot_ns), cuda::read(addend_nd), tokens, slots, d, cuda::write(y_nd),
                   cuda::OnDevice(x_rd));
  return y_nd;
}

/// y[n] = sum over slots of x[row_of_slot[n][s]], in x's dtype.
at::Tensor sum_slots(const at::Tensor& x_rd, const at::Tensor& row_of_slot_ns) {
  if (cuda::takes(x_rd)) return gather_sum_on_cuda(x_rd, {}, row_of_slot_ns, {});
  const int64_t tokens = row_of_slot_ns.size(0), slots = row_of_slot_ns.size(1), d = x_rd.size(1);
  if (!cpu::is_fp32_cpu(x_rd)) {
    const at::Tensor picked_rd = x_rd.index_select(0, row_of_slot_ns.flatten());
    return slots == 1 ? picked_rd : picked_rd.view({tokens, slots, d}).sum(1);
  }
  const at::Tensor x_contiguous = x_rd.contiguous();
  at::Tensor y_nd = at::empty({tokens, d}, x_rd.options());
  cpu::for_rows(tokens, slots * d, [&](int64_t begin, int64_t end) {
    cpu::gather_sum(x_contiguous.const_data_ptr<float>(), nullptr, row_of_slot_ns.const_data_ptr<int64_t>(), nullptr,
                    slots, d, begin, end, y_nd.mutable_data_ptr<float>());
  });
  return y_nd;
}

/// Rows of x. The gradient of a gather is a scatter-add; every row's places are known, so it is a gather as well.
at::Tensor gather(const at::Tensor& x_nd, const at::Tensor& token_of_row_r, const at::Tensor& row_of_slot_ns) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor rows_rd = cuda::takes(x_nd) ? gather_sum_on_cuda(x_nd, {}, token_of_row_r.unsqueeze(1), {})
                                                 : x_nd.index_select(0, token_of_row_r);
    return {.outputs = {rows_rd}, .saved = {row_of_slot_ns}};
  };
  const auto backward = [](const BackwardPass& pass) -> std::vector<at::Tensor> {
    return {sum_slots(pass.gradients[0], pass.saved[0])};
  };
  return own_gradient({x_nd}, forward, backward)[0];
}

std::vector<at::Tensor> combine_backward(const BackwardPass& pass) {
  const at::Tensor &y_rd = pass.saved[0], &weights_ns = pass.saved[1], &row_of_slot_ns = pass.saved[2];
  const at::Tensor dout_nd = pass.gradients[0].contiguous();
  const int64_t tokens = weights_ns.size(0), slots = weights_ns.size(1), d = y_rd.size(1);
  at::Tensor dy_rd = at::empty_like(y_rd), dweights_ns = at::empty_like(weights_ns);
  cpu::for_rows(tokens, slots * d, [&](int64_t begin, int64_t end) {
    cpu::gather_sum_backward(dout_nd.const_data_ptr<float>(), y_rd.const_data_ptr<float>(),
                             weights_ns.const_data_ptr<float>(), row_of_slot_ns.const_data_ptr<int64_t>(), slots, d,
                             begin, end, dy_rd.mutable_data_ptr<float>(), dweights_ns.mutable_data_ptr<float>());
  });
  return {dy_rd, dweights_ns, dout_nd};
}

at::Tensor fused_combine(const at::Tensor& y, const at::Tensor& weights, const at::Tensor& row_of_slot_ns,
                         const at::Tensor& addend) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor y_rd = y.contiguous(), weights_ns = weights.contiguous();
    const at::Tensor addend_nd = addend.defined() ? addend.contiguous() : addend;
    const int64_t tokens = weights_ns.size(0), slots = weights_ns.size(1), d = y_rd.size(1);
    at::Tensor out_nd = at::empty({tokens, d}, y_rd.options());
    cpu::for_rows(tokens, slots * d, [&](int64_t begin, int64_t end) {
      cpu::gather_sum(y_rd.const_data_ptr<float>(), weights_ns.const_data_ptr<float>(),
                      row_of_slot_ns.const_data_ptr<int64_t>(),
                      addend_nd.defined() ? addend_nd.const_data_ptr<float>() : nullptr, slots, d, begin, end,
                      out_nd.mutable_data_ptr<float>());
    });
    return {.outputs = {out_nd}, .saved = {y_rd, weights_ns, row_of_slot_ns}};
  };
  return own_gradient({y, weights, addend}, forward, combine_backward)[0];
}

std::vector<at::Tensor> combine_backward_on_cuda(const BackwardPass& pass) {
  const at::Tensor &y_rd = pass.saved[0], &weights_ns = pass.saved[1], &row_of_slot_ns = pass.saved[2];
  const at::Tensor dout_nd = pass.gradients[0].contiguous();
  const at::Tensor dy_rd = at::empty_like(y_rd), dweights_ns = at::empty_like(weights_ns);
  cuda::gather_sum_backward(cuda::element_type(y_rd), cuda::read(dout_nd), cuda::read(y_rd),
                            cuda::read<float>(weights_ns), cuda::read<int64_t>(row_of_slot_ns), weights_ns.size(0),
                            weights_ns.size(1), y_rd.size(1), cuda::write(dy_rd), cuda::write<float>(dweights_ns),
                            cuda::OnDevice(y_rd));
  return {dy_rd, dweights_ns, dout_nd};
}

at::Tensor combine_on_cuda(const at::Tensor& y, const at::Tensor& weights, const at::Tensor& row_of_slot_ns,
                           const at::Tensor& addend) {
  const auto forward = [&]() -> ForwardPass {
    const at::Tensor y_rd = y.contiguous(), weights_ns = weights.contiguous();
    const at::Tensor addend_nd = addend.defined() ? addend.contiguous() : addend;
    return {.outputs = {gather_sum_on_cuda(y_rd, weights_ns, row_of_slot_ns, addend_nd)},
            .saved = {y_rd, weights_ns, row_of_slot_ns}};
  };
  return own_gradient({y, weights, addend}, forward, combine_backward_on_cuda)[0];
}

DispatchPlan plan_on_cuda(const at::Tensor& experts, int64_t num_experts) {
  const at::Tensor experts_ns = experts.contiguous();
  const int64_t slots = experts_ns.numel(), slots_of_token = experts_ns.size(1);
  const auto counts = experts_ns.options().dtype(at::kInt);
  const at::Tensor rows_be = at::empty({cuda::slot_blocks(slots), num_experts}, counts);
  const at::Tensor slot_of_row_r = at::empty({slots}, experts_ns.options());
  const at::Tensor token_of_row_r = slots_of_token == 1 ? slot_of_row_r : at::empty_like(slot_of_row_r);
  const DispatchPlan plan{token_of_row_r, slot_of_row_r, at::empty_like(experts_ns), at::empty({num_experts}, counts)};
  cuda::sort_by_expert(cuda::read<int64_t>(experts_ns), slots, slots_of_token, num_experts,
                       cuda::write<int32_t>(rows_be),
                       slots_of_token == 1 ? nullptr : cuda::write<int64_t>(plan.token_of_row_r),
                       cuda::write<int64_t>(plan.slot_of_row_r), cuda::write<int64_t>(plan.row_of_slot_ns),
                       cuda::write<int32_t>(plan.ends_e), cuda::OnDevice(experts_ns));
  return plan;
}

}  // namespace

DispatchPlan plan_dispatch(const at::Tensor& experts_ns, int64_t num_experts) {
  if (cuda::takes(experts_ns) && num_experts <= cuda::kMostExperts) return plan_on_cuda(experts_ns, num_experts);
  const int64_t slots = experts_ns.size(1);
  const at::Tensor expert_of_slot = experts_ns.flatten();
  const at::Tensor slot_of_row_r = at::argsort(expert_of_slot, /*stable=*/true, 0, false);
  const at::Tensor rows_r = at::arange(slot_of_row_r.size(0), slot_of_row_r.options());
  const at::Tensor row_of_slot = at::empty_like(slot_of_row_r).scatter_(0, slot_of_row_r, rows_r);
  const at::Tensor counts_e =
      at::zeros({num_experts}, expert_of_slot.options()).scatter_add_(0, expert_of_slot, at::ones_like(expert_of_slot));
  return {slots == 1 ? slot_of_row_r : slot_of_row_r.floor_divide(slots), slot_of_row_r,
          row_of_slot.view(experts_ns.sizes()), counts_e.cumsum(0).to(at::kInt)};
}

at::Tensor dispatch(const at::Tensor& x_nd, const DispatchPlan& plan) {
  return gather(x_nd, plan.token_of_row_r, plan.row_of_slot_ns);
}

at::Tensor combine(const at::Tensor& y_rd, const at::Tensor& weights_ns, const DispatchPlan& plan,
                   const at::Tensor& addend_nd) {
  require(!addend_nd.defined() || addend_nd.scalar_type() == y_rd.scalar_type(), "combine adds what has y's dtype");
  if (cuda::takes(y_rd)) return combine_on_cuda(y_rd, weights_ns, plan.row_of_slot_ns, addend_nd);
  if (cpu::is_fp32_cpu(y_rd)) return fused_combine(y_rd, weights_ns, plan.row_of_slot_ns, addend_nd);
  // A permutation of the rows: its gradient is the inverse permutation, a gather again.
  const int64_t tokens = weights_ns.size(0), slots = weights_ns.size(1);
  const at::Tensor picked_rd = gather(y_rd, plan.row_of_slot_ns.flatten(), plan.slot_of_row_r.unsqueeze(1));
  const at::Tensor weighted_nsd = picked_rd.view({tokens, slots, y_rd.size(1)}) * weights_ns.unsqueeze(-1);
  const at::Tensor sum_nd = weighted_nsd.sum(1).to(y_rd.scalar_type());
  return addend_nd.defined() ? sum_nd + addend_nd : sum_nd;
}

namespace reference {

at::Tensor dispatch(const at::Tensor& x_nd, const DispatchPlan& plan) {
  return x_nd.index_select(0, plan.token_of_row_r);
}

at::Tensor combine(const at::Tensor& y_rd, const at::Tensor& weights_ns, const DispatchPlan& plan,
                   const at::Tensor& addend_nd) {
  const at::Tensor picked_rd = y_rd.index_select(0, plan.row_of_slot_ns.flatten());
  const at::Tensor picked_nsd = picked_rd.view({weights_ns.size(0), weights_ns.size(1), y_rd.size(1)});
  const at::Tensor sum_nd = (picked_nsd * weights_ns.unsqueeze(-1)).sum(1).to(y_rd.scalar_type());
  return addend_nd.defined() ? sum_nd + addend_nd : sum_nd;
}

}  // namespace reference
}  // namespace mm
