// Rows are sorted by expert, so those for one member stand together. What comes is sorted by member and then by expert,
// and is sorted by expert alone as a dispatch to the own experts does it.
#include "model/moe/expert_exchange.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/diff.h>
#include <ATen/ops/repeat_interleave.h>
#include <ATen/ops/zeros.h>

#include "ops/experts/dispatch.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

std::vector<int64_t> numbers_of(const at::Tensor& counts) {
  const at::Tensor flat = counts.contiguous();
  return {flat.const_data_ptr<int64_t>(), flat.const_data_ptr<int64_t>() + flat.numel()};
}

/// The gradient of a row goes where the row came from.
at::Tensor sent(const at::Tensor& rows_rd, const std::vector<int64_t>& sends, const std::vector<int64_t>& receives,
                const RowExchange& exchange) {
  const auto forward = [&]() -> ForwardPass { return {.outputs = {exchange.rows(rows_rd, sends, receives)}}; };
  const auto backward = [sends, receives, &exchange](const BackwardPass& pass) -> std::vector<at::Tensor> {
    return {exchange.rows(pass.gradients[0].contiguous(), receives, sends)};
  };
  return own_gradient({rows_rd}, forward, backward)[0];
}

/// The plan that brings the rows of `plan` back to where they were.
DispatchPlan inverse(const DispatchPlan& plan) {
  DispatchPlan back;
  back.token_of_row_r = plan.row_of_slot_ns.flatten();
  back.row_of_slot_ns = plan.slot_of_row_r.unsqueeze(1);
  return back;
}

}  // namespace

at::Tensor exchange_experts(const at::Tensor& rows_rd, const at::Tensor& ends_e, const RowExchange& exchange,
                            const std::function<at::Tensor(const at::Tensor&, const at::Tensor&)>& own_experts) {
  const at::Tensor ends_on_host_e = ends_e.cpu().to(at::kLong);
  const at::Tensor rows_e = at::diff(ends_on_host_e, 1, -1, at::zeros({1}, at::kLong));
  const at::Tensor received_me = exchange.rows_for_own(rows_e);
  const int64_t members = received_me.size(0), own = received_me.size(1);
  const std::vector<int64_t> sends = numbers_of(rows_e.view({members, -1}).sum(1));
  const std::vector<int64_t> receives = numbers_of(received_me.sum(1));

  const at::Tensor got_rd = sent(rows_rd, sends, receives, exchange);
  const at::Tensor expert_r =
      at::repeat_interleave(at::arange(own, at::kLong).repeat({members}), received_me.flatten()).to(got_rd.device());
  const DispatchPlan plan = plan_dispatch(expert_r.unsqueeze(1), own);
  const at::Tensor out_rd = own_experts(dispatch(got_rd, plan), plan.ends_e);
  return sent(dispatch(out_rd, inverse(plan)), receives, sends, exchange);
}

}  // namespace mm
