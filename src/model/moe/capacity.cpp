// Rows of a dispatch plan are sorted by expert and, within one, by position: the rank of a row is a difference of two
// running counts. Axes: n tokens, s slots, e experts, r routed rows.
#include "model/moe/capacity.h"

#include <ATen/ops/constant_pad_nd.h>

namespace mm {

at::Tensor kept_slots(const at::Tensor& experts_ns, const DispatchPlan& plan, const at::Tensor& counted_n,
                      double capacity_factor) {
  const auto slots = static_cast<double>(experts_ns.size(1)), experts = static_cast<double>(plan.ends_e.size(0));
  const at::Tensor capacity = (counted_n.sum().to(at::kDouble) * (capacity_factor * slots / experts)).ceil();

  const at::Tensor counted_r = counted_n.to(at::kLong).index_select(0, plan.token_of_row_r);
  const at::Tensor through_r = counted_r.cumsum(0);  // counted rows up to this one, itself included
  const at::Tensor starts_e = at::constant_pad_nd(plan.ends_e.to(at::kLong), {1, -1});
  const at::Tensor before_e = at::constant_pad_nd(through_r, {1, 0}).index_select(0, starts_e);
  const at::Tensor expert_of_row_r = experts_ns.flatten().index_select(0, plan.slot_of_row_r);
  const at::Tensor rank_r = through_r - before_e.index_select(0, expert_of_row_r);  // from 1
  const at::Tensor kept_r = (rank_r <= capacity).logical_or_(counted_r == 0);
  return kept_r.index_select(0, plan.row_of_slot_ns.flatten()).view_as(experts_ns).to(at::kFloat);
}

}  // namespace mm
