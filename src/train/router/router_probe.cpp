// One forward and two backward passes over the probe. Axes: l MoE layers, e experts, n tokens, s slots, p parameters.
#include "train/router/router_probe.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/hypot.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/stack.h>

#include <algorithm>
#include <cmath>

#include "engine/device/host_values.h"
#include "engine/training_step.h"
#include "ops/add_to.h"
#include "train/router/probe_batch.h"

namespace mm {
namespace {

/// The product of the experts' weights with each other, [experts, experts]: gate, up and down as one vector each.
at::Tensor products_of_experts(const at::Tensor& gate_up_ep, const at::Tensor& down_ep) {
  return gate_up_ep.matmul(gate_up_ep.t()) + down_ep.matmul(down_ep.t());
}

/// L2 norm of each expert's share of two matrices, [experts]. Takes no memory of their size.
at::Tensor norms_of_experts(const at::Tensor& gate_up_ep, const at::Tensor& down_ep) {
  return at::hypot(at::linalg_vector_norm(gate_up_ep, 2, {{1}}), at::linalg_vector_norm(down_ep, 2, {{1}}));
}

void add_likeness(const at::Tensor& products_ee, RouterRecord& record) {
  const std::vector<double> products = host_values(products_ee);
  const int64_t experts = record.experts;
  const auto at = [&](int64_t a, int64_t b) { return products[static_cast<size_t>(a * experts + b)]; };
  double sum = 0, closest = -1;
  int64_t first = 0, second = 0, pairs = 0;
  for (int64_t a = 0; a < experts; ++a) {
    for (int64_t b = a + 1; b < experts; ++b) {
      const double cosine = at(a, b) / std::max(std::sqrt(at(a, a) * at(b, b)), 1e-30);
      sum += cosine;
      ++pairs;
      if (cosine <= closest) continue;
      closest = cosine, first = a, second = b;
    }
  }
  record.expert_cosine.push_back(pairs > 0 ? sum / static_cast<double>(pairs) : 0);
  record.closest_cosine.push_back(pairs > 0 ? closest : 0);
  record.closest_experts.insert(record.closest_experts.end(), {first, second});
}

/// The share of (token, slot) pairs whose expert was in none of the token's slots before; nothing before the first.
std::vector<double> churn(const at::Tensor& experts_lns, const at::Tensor& before_lns) {
  if (before_lns.min().item<int64_t>() < 0) return {};
  const at::Tensor stayed_lns = experts_lns.unsqueeze(-1).eq(before_lns.unsqueeze(-2)).any(-1);
  return host_values(1.0 - stayed_lns.flatten(1).to(at::kDouble).mean(1));
}

}  // namespace

RouterProbe::RouterProbe(const RunConfig& config, TrainState& state)
    : config_(config),
      state_(state),
      batch_(state.loader.batch_of(probe_windows(config, state.loader.first_group().windows()))) {}

MoeViews RouterProbe::views_of(const at::Tensor& flat, int64_t row) const {
  const int64_t layer = config_.model.moe.first_k_dense_replace + row;
  return moe_views(config_.model, state_.parameters.layout(), flat, layer);
}

void RouterProbe::keep_weights() {
  kept_.clear();  // those of a step that was skipped
  for (int64_t row = 0; row < config_.model.moe_layers(); ++row) {
    const MoeViews weights = views_of(state_.parameters.master(), row);
    kept_.push_back({weights.experts_gate_up.clone(), weights.experts_down.clone()});
  }
}

RouterRecord RouterProbe::measure() {
  RouterRecord record;
  record.step = state_.step;
  record.tokens = batch_.tokens_bt.numel();
  record.layers = config_.model.moe_layers();
  record.first_layer = config_.model.moe.first_k_dense_replace;
  record.experts = config_.model.moe.num_experts;
  const LayerReports reports = measure_gradients(record);
  const at::NoGradGuard no_gradients;
  measure_weights(record);
  measure_tokens(reports, record);
  return record;
}

LayerReports RouterProbe::measure_gradients(RouterRecord& record) {
  const MicroBatchLosses losses = micro_batch_losses(state_.model, batch_, /*inspect=*/true);
  const at::Tensor loss = losses.loss_sum / static_cast<double>(std::max<int64_t>(losses.targets, 1));
  const at::Tensor auxiliary = auxiliary_loss(losses.reports);
  const bool has_auxiliary = auxiliary.defined() && auxiliary.requires_grad();

  backward(loss, /*keep_graph=*/has_auxiliary);
  const std::vector<double> model =
      host_values(state_.division.norm_of_same_batch(state_.parameters.gradient()) / state_.scaler.scale());
  record.gate_gradient_lm = gate_norms();
  state_.parameters.gradient().zero_();
  if (has_auxiliary) {
    backward(auxiliary, /*keep_graph=*/false);
    record.gate_gradient_aux = gate_norms();
    state_.parameters.gradient().zero_();
  } else {
    record.gate_gradient_aux.assign(record.gate_gradient_lm.size(), 0.0);
  }

  const double model_rms = model[0] / std::sqrt(static_cast<double>(state_.division.whole_layout().size));
  for (int64_t row = 0; row < record.layers; ++row) {
    int64_t gate_size = 0;
    for (const at::Tensor& gate : views_of(state_.parameters.gradient(), row).gate) gate_size += gate.numel();
    const double gate_rms =
        record.gate_gradient_lm[static_cast<size_t>(row)] / std::sqrt(static_cast<double>(gate_size));
    record.gate_gradient_relative.push_back(gate_rms / model_rms);
  }
  return losses.reports;
}

void RouterProbe::measure_weights(RouterRecord& record) {
  const Division& division = state_.division;
  for (int64_t row = 0; row < record.layers; ++row) {
    const MoeViews weights = views_of(state_.parameters.master(), row);
    add_likeness(products_of_experts(division.of_all_experts(weights.experts_gate_up),
                                     division.of_all_experts(weights.experts_down)),
                 record);
    if (kept_.empty()) continue;
    ExpertWeights& kept = kept_[static_cast<size_t>(row)];
    const at::Tensor norms_e = norms_of_experts(kept.gate_up_ep, kept.down_ep).clamp_min(1e-30);
    kept.gate_up_ep.sub_(weights.experts_gate_up);
    kept.down_ep.sub_(weights.experts_down);
    const at::Tensor ratios_e = norms_of_experts(kept.gate_up_ep, kept.down_ep) / norms_e;
    const std::vector<double> ratios = host_values(division.of_all_experts(ratios_e.unsqueeze(1)));
    record.update_ratio.insert(record.update_ratio.end(), ratios.begin(), ratios.end());
  }
  kept_.clear();
}

void RouterProbe::measure_tokens(const LayerReports& reports, RouterRecord& record) {
  const at::Tensor values_le =
      reports.expert_tokens_le.clamp_min(1).to(at::kFloat) * static_cast<double>(config_.model.hidden_size);
  record.output_rms = host_values((reports.output_squares_le / values_le).sqrt());
  const at::Tensor experts_lns = at::stack(reports.experts_ns);
  record.churn = churn(experts_lns, state_.probe_experts_lns);
  state_.probe_experts_lns.copy_(experts_lns);
}

void RouterProbe::backward(const at::Tensor& loss, bool keep_graph) {
  (loss * state_.scaler.scale()).backward({}, keep_graph);
}

std::vector<double> RouterProbe::gate_norms() const {
  std::vector<at::Tensor> norms;
  for (int64_t row = 0; row < config_.model.moe_layers(); ++row) {
    at::Tensor squares;
    for (const at::Tensor& gate : views_of(state_.parameters.gradient(), row).gate) {
      add_to(squares, gate.square().sum());
    }
    norms.push_back(squares.sqrt());
  }
  return host_values(at::stack(norms) / state_.scaler.scale());
}

}  // namespace mm
