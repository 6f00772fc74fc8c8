// The mixture of experts from router to sum. Axes: b batch, t time, n tokens, d features, e experts, r routed rows.
#include "model/moe/moe_layer.h"

#include <ATen/ops/dropout.h>
#include <ATen/ops/zeros.h>

#include "model/feed_forward.h"
#include "model/moe/balance.h"
#include "model/moe/capacity.h"
#include "model/moe/expert_exchange.h"
#include "model/moe/router.h"
#include "model/moe/router_bias.h"
#include "model/moe/statistics.h"
#include "ops/dispatch.h"
#include "ops/grouped_linear.h"
#include "ops/linear.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

/// The pairs of each row that chose each expert, counted by weights [rows, pairs] of 0 and 1: [rows, experts] fp32.
/// Whole numbers below 2^24, so fp32 sums of them are exact in any order.
at::Tensor count_by_expert(const at::Tensor& experts, const at::Tensor& counted, int64_t num_experts) {
  return at::zeros({counted.size(0), num_experts}, counted.options())
      .scatter_add_(1, experts.view_as(counted), counted);
}

at::Tensor shared_experts(const at::Tensor& x_nd, const MoeWeights& weights, double dropout) {
  const at::Tensor out_nd = feed_forward(x_nd, weights.shared, dropout);
  if (!weights.shared_gate.defined()) return out_nd;
  const at::Tensor open_n1 = mm::linear(x_nd.to(at::kFloat), weights.shared_gate).sigmoid();
  return out_nd * open_n1.to(out_nd.scalar_type());
}

/// Of rows sorted by expert, wherever the experts are.
at::Tensor routed_experts(const at::Tensor& rows_rd, const at::Tensor& ends_e, const MoeWeights& weights) {
  const auto own_experts = [&](const at::Tensor& own_rd, const at::Tensor& own_ends_e) {
    const at::Tensor hidden_ri = swiglu(grouped_linear(own_rd, weights.experts_gate_up, own_ends_e));
    return grouped_linear(hidden_ri, weights.experts_down, own_ends_e);
  };
  if (weights.exchange == nullptr) return own_experts(rows_rd, ends_e);
  return exchange_experts(rows_rd, ends_e, *weights.exchange, own_experts);
}

}  // namespace

at::Tensor moe_layer(const at::Tensor& x_nd, const at::Tensor& counted_bt, const MoeWeights& weights,
                     const ModelConfig& config, const MoeMode& mode, MoeReport& report) {
  const MoeConfig& moe = config.moe;
  const Routing routing = route(x_nd, weights.router, moe, mode.training);
  const int64_t batch = counted_bt.size(0), slots = moe.num_experts_per_tok;
  const at::Tensor counted_bts = counted_bt.unsqueeze(-1).expand({-1, -1, slots}).reshape({batch, -1});
  const at::Tensor load_be = count_by_expert(routing.experts_ns, counted_bts, moe.num_experts);
  report.experts_ns = routing.experts_ns;
  if (!mode.training) report.weights_ns = routing.weights_ns;
  report.expert_tokens_e = load_be.sum(0).to(at::kLong);
  if (mode.training) {
    report.router_sums_qe = router_sums(routing, counted_bt.flatten());
    const BalanceInput input{routing, counted_bt, load_be, weights.router.step_load_e, mode.documents};
    report.balance_loss = scaled_balance_loss(input, moe);
    report.z_loss = scaled_z_loss(input, moe);
    if (moe.balance == "quantile") {
      report.margins_em = margin_counts(routing.scores_ne.detach(), weights.router.bias_e, counted_bt.flatten(), slots);
    }
  }

  const DispatchPlan plan = plan_dispatch(routing.experts_ns, moe.num_experts);
  at::Tensor weights_ns = routing.weights_ns;
  if (mode.training && moe.capacity_factor > 0) {
    const at::Tensor kept_ns = kept_slots(routing.experts_ns, plan, counted_bt.flatten(), moe.capacity_factor);
    const at::Tensor dropped = counted_bts * (1 - kept_ns.view_as(counted_bts));
    report.dropped_tokens_e = count_by_expert(routing.experts_ns, dropped, moe.num_experts).sum(0).to(at::kLong);
    weights_ns = weights_ns * kept_ns;
  }
  at::Tensor out_rd = routed_experts(dispatch(x_nd, plan), plan.ends_e, weights);
  if (mode.training && moe.fp16_expert_output) out_rd = out_rd.to(at::kHalf).to(out_rd.scalar_type());
  if (mode.inspect) report.output_squares_e = output_squares(out_rd.detach(), plan.ends_e);
  if (mode.dropout > 0) out_rd = at::dropout(out_rd, mode.dropout, true);
  at::Tensor out_nd = combine(out_rd, weights_ns, plan);
  if (weights.shared.gate_up.defined()) out_nd = out_nd + shared_experts(x_nd, weights, mode.dropout);
  return out_nd;
}

}  // namespace mm
