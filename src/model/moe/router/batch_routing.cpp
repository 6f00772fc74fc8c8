// The definition puts together what router, statistics and balance define; CUDA has kernels for all of it at once.
#include "model/moe/router/batch_routing.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>

#include "model/moe/balance/balance.h"
#include "model/moe/router/router.h"
#include "model/moe/router/router_bias.h"
#include "model/moe/router/statistics.h"
#include "ops/cuda/launch.h"
#include "ops/experts/routed_features.h"
#include "ops/own_gradient.h"

namespace mm {
namespace {

using cuda::RoutingRule;

RoutingRule::Scoring scoring_of(const MoeConfig& config) {
  if (config.scoring_func == "sigmoid") return RoutingRule::Scoring::kSigmoid;
  if (config.scoring_func == "sqrtsoftplus") return RoutingRule::Scoring::kSqrtSoftplus;
  return RoutingRule::Scoring::kSoftmax;
}

RoutingRule::Balance balance_of(const MoeConfig& config) {
  if (!has_balance_loss(config)) return RoutingRule::Balance::kNone;
  if (config.aux_loss == "step") return RoutingRule::Balance::kStep;
  if (config.aux_loss == "sequence") return RoutingRule::Balance::kSequence;
  return RoutingRule::Balance::kToken;
}

RoutingRule rule_of(const MoeConfig& config, const at::Tensor& counted_bt, bool training) {
  return {.sequences = counted_bt.size(0),
          .time = counted_bt.size(1),
          .experts = config.num_experts,
          .slots = config.num_experts_per_tok,
          .groups = config.n_group,
          .best_groups = config.topk_group,
          .scoring = scoring_of(config),
          .normalise = config.normalises_weights(),
          .scale = static_cast<float>(config.routed_scaling_factor),
          .balance = training ? balance_of(config) : RoutingRule::Balance::kNone,
          .balance_factor = static_cast<float>(balance_loss_floor(config)),
          .z_factor = training ? static_cast<float>(config.router_z_loss_coef) : 0.0f};
}

bool cuda_takes(const at::Tensor& x_nd, const MoeConfig& config, const RoutingMode& mode) {
  const bool by_document = mode.documents != nullptr && mode.training && config.aux_loss == "sequence";
  return cuda::takes(x_nd) && config.num_experts <= cuda::kMostRoutedExperts && !config.force_uniform_routing &&
         (!config.limits_groups() || config.n_group <= cuda::kMostGroups) && !by_document;
}

/// Outputs are the weights and those losses that there are.
std::vector<at::Tensor> routing_backward_on_cuda(const BackwardPass& pass, const RoutingRule& rule) {
  const at::Tensor &logits_ne = pass.saved[0], &counted_bt = pass.saved[1], &experts_ns = pass.saved[2],
                   &slopes = pass.saved[3];
  size_t output = 0;
  const at::Tensor dweights_ns = pass.gradients[output++].contiguous();
  at::Tensor dbalance, dz;
  if (rule.balance != RoutingRule::Balance::kNone) dbalance = pass.gradients[output++].contiguous();
  if (rule.z_factor != 0) dz = pass.gradients[output++].contiguous();
  const at::Tensor dlogits_ne = at::empty_like(logits_ne);
  cuda::routing_backward(rule, cuda::read<float>(dweights_ns), cuda::read<float>(dbalance), cuda::read<float>(dz),
                         cuda::read<float>(logits_ne), cuda::read<float>(counted_bt), cuda::read<int64_t>(experts_ns),
                         cuda::read<float>(slopes), cuda::write<float>(dlogits_ne), cuda::OnDevice(logits_ne));
  return {dlogits_ne};
}

/// What the router makes of logits: `routing` gets what has no gradient, with sums in any mode.
ForwardPass route_on_cuda(const at::Tensor& logits_ne, const at::Tensor& counted, const RouterWeights& weights,
                          const RoutingRule& rule, BatchRouting& routing) {
  const at::Tensor counted_bt = counted.contiguous();
  const at::TensorOptions fp32 = logits_ne.options(), whole = fp32.dtype(at::kLong);
  const int64_t tokens = logits_ne.size(0);
  const at::Tensor partial = at::empty({cuda::routing_sums(rule.experts), cuda::routing_blocks(rule)}, fp32);
  const at::Tensor slopes = at::empty({cuda::routing_slopes(rule)}, fp32);
  const at::Tensor weights_ns = at::empty({tokens, rule.slots}, fp32), balance_loss = at::empty({}, fp32),
                   z_loss = at::empty({}, fp32);
  routing.experts_ns = at::empty({tokens, rule.slots}, whole);
  routing.expert_tokens_e = at::empty({rule.experts}, whole);
  routing.router_sums_qe = at::empty({2, rule.experts}, fp32);
  const cuda::OnDevice stream(logits_ne);
  cuda::routing_forward(rule, cuda::read<float>(logits_ne), cuda::read<float>(weights.bias_e),
                        cuda::read<float>(counted_bt), cuda::write<int64_t>(routing.experts_ns),
                        cuda::write<float>(weights_ns), cuda::write<float>(partial), stream);
  cuda::routing_totals(rule, cuda::read<float>(partial), cuda::read<float>(weights.step_load_e),
                       cuda::write<int64_t>(routing.expert_tokens_e), cuda::write<float>(routing.router_sums_qe),
                       cuda::write<float>(balance_loss), cuda::write<float>(z_loss), cuda::write<float>(slopes),
                       stream);
  ForwardPass pass{.outputs = {weights_ns}, .saved = {logits_ne, counted_bt, routing.experts_ns, slopes}};
  if (rule.balance != RoutingRule::Balance::kNone) pass.outputs.push_back(balance_loss);
  if (rule.z_factor != 0) pass.outputs.push_back(z_loss);
  return pass;
}

/// A router of more than a product, or with noise in it.
RoutedFeatures features_of(const at::Tensor& x_nd, const at::Tensor& logits, const PlanOfLogits& plan_of) {
  const at::Tensor logits_ne = logits.contiguous();
  const DispatchPlan plan = plan_of(logits_ne.detach());
  return {logits_ne, plan, dispatch(x_nd, plan), x_nd};
}

}  // namespace

BatchRouting route_batch(const at::Tensor& x_nd, const at::Tensor& counted_bt, const RouterWeights& weights,
                         const MoeConfig& config, const RoutingMode& mode) {
  if (!cuda_takes(x_nd, config, mode)) return reference::route_batch(x_nd, counted_bt, weights, config, mode);
  const RoutingRule rule = rule_of(config, counted_bt, mode.training);
  BatchRouting routing;
  ForwardPass routed;
  const auto plan_of = [&](const at::Tensor& logits_ne) {
    routed = route_on_cuda(logits_ne, counted_bt, weights, rule, routing);
    return plan_dispatch(routing.experts_ns, config.num_experts);
  };
  const bool is_product = !weights.hidden_hd.defined() && (config.router_jitter == 0 || !mode.training);
  const RoutedFeatures features =
      is_product ? routed_features(x_nd, weights.gate, plan_of, /*wants_x=*/config.n_shared_experts > 0)
                 : features_of(x_nd, router_logits(x_nd, weights, config, mode.training), plan_of);
  const auto backward = [rule](const BackwardPass& pass) { return routing_backward_on_cuda(pass, rule); };
  const std::vector<at::Tensor> outputs = own_gradient(
      {features.logits_ne}, [&] { return routed; }, backward);
  routing.weights_ns = outputs[0];
  if (rule.balance != RoutingRule::Balance::kNone) routing.balance_loss = outputs[1];
  if (rule.z_factor != 0) routing.z_loss = outputs.back();
  routing.x_nd = features.x_nd;
  routing.plan = features.plan;
  routing.rows_rd = features.rows_rd;
  if (!mode.training) {
    routing.router_sums_qe = at::Tensor();
  } else if (config.balance == "quantile") {
    routing.margins_em = margin_counts(router_scores(features.logits_ne.detach(), config.scoring_func), weights.bias_e,
                                       counted_bt.flatten(), config.num_experts_per_tok);
  }
  return routing;
}

namespace reference {

BatchRouting route_batch(const at::Tensor& x_nd, const at::Tensor& counted_bt, const RouterWeights& weights,
                         const MoeConfig& config, const RoutingMode& mode) {
  const Routing routing = route(x_nd, weights, config, mode.training);
  const int64_t batch = counted_bt.size(0), slots = config.num_experts_per_tok;
  const at::Tensor counted_bts = counted_bt.unsqueeze(-1).expand({-1, -1, slots}).reshape({batch, -1});
  const at::Tensor load_be = count_by_expert(routing.experts_ns, counted_bts, config.num_experts);
  const DispatchPlan plan = plan_dispatch(routing.experts_ns, config.num_experts);
  BatchRouting result{.x_nd = x_nd,
                      .plan = plan,
                      .rows_rd = mm::dispatch(x_nd, plan),
                      .experts_ns = routing.experts_ns,
                      .weights_ns = routing.weights_ns,
                      .expert_tokens_e = load_be.sum(0).to(at::kLong)};
  if (!mode.training) return result;
  result.router_sums_qe = router_sums(routing, counted_bt.flatten());
  const BalanceInput input{routing, counted_bt, load_be, weights.step_load_e, mode.documents};
  result.balance_loss = scaled_balance_loss(input, config);
  result.z_loss = scaled_z_loss(input, config);
  if (config.balance == "quantile") {
    result.margins_em = margin_counts(routing.scores_ne.detach(), weights.bias_e, counted_bt.flatten(), slots);
  }
  return result;
}

}  // namespace reference
}  // namespace mm
