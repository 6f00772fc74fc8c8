// The mixture of experts from router to sum. Axes: b batch, t time, n tokens, d features, e experts, r routed rows.
#include "model/moe/moe_layer.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/zeros.h>

#include "model/feed_forward.h"
#include "model/moe/balance.h"
#include "model/moe/router.h"
#include "ops/dispatch.h"
#include "ops/linear.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

/// (token, slot) pairs of each sequence that chose each expert, [batch, experts] fp32. Whole numbers below 2^24, so
/// fp32 sums of them are exact in any order.
at::Tensor count_load(const at::Tensor& experts_ns, const at::Tensor& counted_bt, int64_t num_experts) {
  const int64_t batch = counted_bt.size(0), slots = experts_ns.size(1);
  const at::Tensor counted_bts = counted_bt.unsqueeze(-1).expand({-1, -1, slots}).reshape({batch, -1});
  return at::zeros({batch, num_experts}, counted_bt.options())
      .scatter_add_(1, experts_ns.view({batch, -1}), counted_bts);
}

}  // namespace

at::Tensor moe_layer(const at::Tensor& x_nd, const at::Tensor& counted_bt, const MoeWeights& weights,
                     const ModelConfig& config, bool training, double dropout, MoeReport& report) {
  const Routing routing = route(x_nd, weights.gate, config.moe);
  const at::Tensor load_be = count_load(routing.experts_ns, counted_bt, config.moe.num_experts);
  report.expert_tokens_e = load_be.sum(0).to(at::kLong);
  if (training) {
    const BalanceInput input{routing, counted_bt, load_be};
    report.balance_loss = scaled_balance_loss(input, config.moe);
    report.z_loss = scaled_z_loss(input, config.moe);
  }

  const DispatchPlan plan = plan_dispatch(routing.experts_ns, config.moe.num_experts);
  const at::Tensor rows_rd = dispatch(x_nd, plan);
  const at::Tensor hidden_ri = swiglu(grouped_linear(rows_rd, weights.experts_gate_up, plan.ends_e));
  at::Tensor out_rd = grouped_linear(hidden_ri, weights.experts_down, plan.ends_e);
  if (training && config.moe.fp16_expert_output) out_rd = out_rd.to(at::kHalf).to(out_rd.scalar_type());
  if (dropout > 0) out_rd = at::dropout(out_rd, dropout, true);
  at::Tensor out_nd = combine(out_rd, routing.weights_ns, plan);
  if (weights.shared.gate_up.defined()) out_nd = out_nd + feed_forward(x_nd, weights.shared, dropout);
  return out_nd;
}

}  // namespace mm
