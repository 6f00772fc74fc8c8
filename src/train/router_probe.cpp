// One forward and two backward passes over the probe. Axes: l layers, e experts, n tokens, s slots, p parameters.
#include "train/router_probe.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "model/moe/moe_views.h"
#include "ops/add_to.h"
#include "ops/cross_entropy.h"
#include "ops/flat_norm.h"

namespace mm {
namespace {

constexpr int64_t kProbeTokens = 1024;

std::vector<double> to_host(const at::Tensor& values) {
  const at::Tensor host = values.detach().to(at::kDouble).cpu().contiguous();
  const double* first = host.const_data_ptr<double>();
  return {first, first + host.numel()};
}

/// The product of the experts' weights with each other, [experts, experts]: gate, up and down as one vector each.
at::Tensor products_of_experts(const MoeViews& weights) {
  return weights.experts_gate_up.matmul(weights.experts_gate_up.t()) +
         weights.experts_down.matmul(weights.experts_down.t());
}

/// L2 norm of each expert's share of two matrices, [experts].
at::Tensor norms_of_experts(const at::Tensor& gate_up_ep, const at::Tensor& down_ep) {
  return (gate_up_ep.square().sum(1) + down_ep.square().sum(1)).sqrt();
}

void add_likeness(const at::Tensor& products_ee, RouterRecord& record) {
  const std::vector<double> products = to_host(products_ee);
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
  return to_host(1.0 - stayed_lns.flatten(1).to(at::kDouble).mean(1));
}

}  // namespace

int64_t probe_sequences(const RunConfig& config) {
  return std::clamp<int64_t>(kProbeTokens / config.data.sequence_length, 1, config.train.micro_batch);
}

at::Tensor unknown_probe_experts(const RunConfig& config, int64_t sequence_length, at::Device device) {
  if (!config.model.is_moe()) return {};
  return at::full(
      {config.model.num_hidden_layers, probe_sequences(config) * sequence_length, config.model.moe.num_experts_per_tok},
      -1, at::TensorOptions().dtype(at::kLong).device(device));
}

RouterProbe::RouterProbe(const RunConfig& config, TrainState& state) : config_(config), state_(state) {
  std::vector<int64_t> chosen(static_cast<size_t>(probe_sequences(config)));
  for (size_t i = 0; i < chosen.size(); ++i) {
    chosen[i] = static_cast<int64_t>(i) * state.loader.dataset().windows() / static_cast<int64_t>(chosen.size());
  }
  batch_ = state.loader.batch_of(chosen);
}

void RouterProbe::keep_weights() {
  kept_.clear();  // those of a step that was skipped
  for (int64_t layer = 0; layer < config_.model.num_hidden_layers; ++layer) {
    const MoeViews weights = moe_views(config_.model, state_.parameters.layout(), state_.parameters.master(), layer);
    kept_.push_back(weights.experts_gate_up.clone());
    kept_.push_back(weights.experts_down.clone());
  }
}

RouterRecord RouterProbe::measure() {
  const MoeConfig& moe = config_.model.moe;
  const Parameters& parameters = state_.parameters;
  const HiddenStates states = state_.model.forward(batch_.tokens_bt, /*training=*/true, {}, /*inspect=*/true);
  const at::Tensor losses_n = cross_entropy(state_.model.logits(states.hidden_nd), batch_.targets_bt.flatten());

  RouterRecord record;
  record.step = state_.step;
  record.tokens = batch_.tokens_bt.numel();
  record.layers = config_.model.num_hidden_layers;
  record.experts = moe.num_experts;

  at::Tensor auxiliary = at::zeros({}, losses_n.options());
  if (states.reports.balance_loss.defined()) auxiliary = auxiliary + states.reports.balance_loss;
  if (states.reports.z_loss.defined()) auxiliary = auxiliary + states.reports.z_loss;
  backward(losses_n.sum() / static_cast<double>(std::max<int64_t>(batch_.targets, 1)), auxiliary.requires_grad());
  const at::Tensor scale = state_.scaler.scale();
  const at::Tensor lm_l = gate_norms() / scale, all = flat_norm(parameters.gradient()) / scale;
  if (auxiliary.requires_grad()) backward(auxiliary, false);
  record.gate_gradient_lm = to_host(lm_l);
  record.gate_gradient_aux = auxiliary.requires_grad() ? to_host(gate_norms() / scale)
                                                       : std::vector<double>(record.gate_gradient_lm.size(), 0.0);
  const double rms = to_host(all)[0] / std::sqrt(static_cast<double>(parameters.layout().size));

  const at::NoGradGuard no_gradients;
  for (int64_t layer = 0; layer < record.layers; ++layer) {
    const MoeViews weights = moe_views(config_.model, parameters.layout(), parameters.master(), layer);
    const auto i = static_cast<size_t>(layer);
    int64_t gate_size = 0;
    for (const at::Tensor& gate : weights.gate) gate_size += gate.numel();
    record.gate_gradient_relative.push_back(record.gate_gradient_lm[i] / std::sqrt(static_cast<double>(gate_size)) /
                                            rms);
    add_likeness(products_of_experts(weights), record);
    if (!kept_.empty()) {
      const at::Tensor &gate_up = kept_[2 * i], &down = kept_[2 * i + 1];
      const at::Tensor ratio_e = norms_of_experts(weights.experts_gate_up - gate_up, weights.experts_down - down) /
                                 norms_of_experts(gate_up, down).clamp_min(1e-30);
      const std::vector<double> ratios = to_host(ratio_e);
      record.update_ratio.insert(record.update_ratio.end(), ratios.begin(), ratios.end());
    }
  }
  kept_.clear();

  const at::Tensor experts_lns = at::stack(states.reports.experts_ns);
  const at::Tensor values_le =
      states.reports.expert_tokens_le.clamp_min(1).to(at::kFloat) * static_cast<double>(config_.model.hidden_size);
  record.output_rms = to_host((states.reports.output_squares_le / values_le).sqrt());
  record.churn = churn(experts_lns, state_.probe_experts_lns);
  state_.probe_experts_lns.copy_(experts_lns);
  return record;
}

void RouterProbe::backward(const at::Tensor& loss, bool keep_graph) {
  state_.parameters.gradient().zero_();
  (loss * state_.scaler.scale()).backward({}, keep_graph);
}

at::Tensor RouterProbe::gate_norms() const {
  std::vector<at::Tensor> norms;
  for (int64_t layer = 0; layer < config_.model.num_hidden_layers; ++layer) {
    at::Tensor squares;
    for (const at::Tensor& gate :
         moe_views(config_.model, state_.parameters.layout(), state_.parameters.gradient(), layer).gate) {
      add_to(squares, gate.square().sum());
    }
    norms.push_back(squares.sqrt());
  }
  return at::stack(norms);
}

std::optional<NonFinite> find_non_finite(TrainState& state, const Batch& batch) {
  const at::NoGradGuard no_gradients;
  const LayerReports reports = state.model.forward(batch.tokens_bt, /*training=*/true, {}, /*inspect=*/true).reports;
  if (!reports.output_squares_le.defined()) return {};
  const auto finite = [](const at::Tensor& values) { return to_host(at::isfinite(values)); };
  const int64_t layers = reports.output_squares_le.size(0), experts = reports.output_squares_le.size(1);
  const std::vector<double> logits = finite(reports.router_sums_lqe.select(1, 1).sum(1)),
                            outputs = finite(reports.output_squares_le);
  for (int64_t layer = 0; layer < layers; ++layer) {
    if (logits[static_cast<size_t>(layer)] == 0) return NonFinite{layer, {}};
    for (int64_t expert = 0; expert < experts; ++expert) {
      if (outputs[static_cast<size_t>(layer * experts + expert)] == 0) return NonFinite{layer, expert};
    }
  }
  return {};
}

}  // namespace mm
