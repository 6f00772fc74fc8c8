// The mixture of experts from router to sum. Axes: b batch, t time, n tokens, d features, e experts, r routed rows.
#include "model/moe/moe_layer.h"

#include <ATen/ops/dropout.h>

#include "model/feed_forward.h"
#include "model/moe/capacity.h"
#include "model/moe/expert_exchange.h"
#include "model/moe/router/batch_routing.h"
#include "model/moe/router/statistics.h"
#include "ops/experts/dispatch.h"
#include "ops/experts/grouped_linear.h"
#include "ops/linear.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

at::Tensor shared_experts(const at::Tensor& x_nd, const MoeWeights& weights, double dropout) {
  const at::Tensor out_nd = feed_forward(x_nd, weights.shared, dropout);
  if (!weights.shared_gate.defined()) return out_nd;
  const at::Tensor open_n1 = mm::linear(x_nd.to(at::kFloat), weights.shared_gate).sigmoid();
  return out_nd * open_n1.to(out_nd.scalar_type());
}

/// Of rows sorted by expert, wherever the experts are.
at::Tensor routed_experts(const at::Tensor& rows_rd, const at::Tensor& ends_e, const MoeWeights& weights) {
  const auto own_experts = [&](const at::Tensor& own_rd, const RowEnds& own_ends) {
    const at::Tensor hidden_ri = swiglu(grouped_linear(own_rd, weights.experts_gate_up, own_ends));
    return grouped_linear(hidden_ri, weights.experts_down, own_ends);
  };
  if (weights.exchange == nullptr) return own_experts(rows_rd, ends_e);
  return exchange_experts(rows_rd, ends_e, *weights.exchange, own_experts);
}

}  // namespace

at::Tensor moe_layer(const at::Tensor& x_nd, const at::Tensor& counted_bt, const MoeWeights& weights,
                     const ModelConfig& config, const MoeMode& mode, MoeReport& report) {
  const MoeConfig& moe = config.moe;
  const BatchRouting routing =
      route_batch(x_nd, counted_bt, weights.router, moe, {.training = mode.training, .documents = mode.documents});
  report.experts_ns = routing.experts_ns;
  if (!mode.training) report.weights_ns = routing.weights_ns;
  report.expert_tokens_e = routing.expert_tokens_e;
  report.router_sums_qe = routing.router_sums_qe;
  report.balance_loss = routing.balance_loss;
  report.z_loss = routing.z_loss;
  report.margins_em = routing.margins_em;

  const DispatchPlan& plan = routing.plan;
  at::Tensor weights_ns = routing.weights_ns;
  if (mode.training && moe.capacity_factor > 0) {
    const at::Tensor counted_n = counted_bt.flatten();
    const at::Tensor kept_ns = kept_slots(routing.experts_ns, plan, counted_n, moe.capacity_factor);
    const at::Tensor dropped_ns = counted_n.unsqueeze(1) * (1 - kept_ns);
    const at::Tensor dropped_1e = count_by_expert(routing.experts_ns, dropped_ns.view({1, -1}), moe.num_experts);
    report.dropped_tokens_e = dropped_1e.squeeze(0).to(at::kLong);
    weights_ns = weights_ns * kept_ns;
  }
  at::Tensor out_rd = routed_experts(routing.rows_rd, plan.ends_e, weights);
  if (mode.training && moe.fp16_expert_output) out_rd = out_rd.to(at::kHalf).to(out_rd.scalar_type());
  if (mode.inspect) report.output_squares_e = output_squares(out_rd.detach(), plan.ends_e);
  if (mode.dropout > 0) out_rd = at::dropout(out_rd, mode.dropout, true);
  at::Tensor shared_nd;
  if (weights.shared.gate_up.defined()) shared_nd = shared_experts(routing.x_nd, weights, mode.dropout);
  return combine(out_rd, weights_ns, plan, shared_nd);
}

}  // namespace mm
