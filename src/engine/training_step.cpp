// Sums over micro-batches stay on the device; StepResult is their one way to the host.
#include "engine/training_step.h"

#include <ATen/ops/isfinite.h>

#include <cmath>
#include <utility>
#include <vector>

#include "engine/batch_layout.h"
#include "ops/add_to.h"
#include "ops/cross_entropy.h"
#include "ops/update/flat_norm.h"
#include "optim/clip_norm.h"

namespace mm {
namespace {

at::Tensor divided(const at::Tensor& loss, double by) {
  return loss.defined() ? loss / by : loss;
}

at::Tensor detached(const at::Tensor& loss) {
  return loss.defined() ? loss.detach() : loss;
}

}  // namespace

MicroBatchLosses micro_batch_losses(CausalLm& model, const Batch& batch, bool inspect) {
  const HiddenStates states = model.forward(batch.tokens_bt, /*training=*/true, layout_of(batch), inspect);
  const at::Tensor losses_n = cross_entropy(model.logits(states.hidden_nd), batch.targets_bt.flatten());
  return {losses_n.sum(), batch.targets, states.reports};
}

at::Tensor auxiliary_loss(const LayerReports& reports) {
  at::Tensor loss;
  add_to(loss, reports.balance_loss);
  add_to(loss, reports.z_loss);
  return loss;
}

TrainingStep::TrainingStep(const ModelConfig& config, const StepOptions& options, TrainedModel& trained)
    : config_(config), options_(options), trained_(trained), loss_scale_(trained.scaler.scale().clone()) {
  if (!options.capture) return;
  graph_.emplace(loss_scale_.device(), [this](const Batch& batch) { return add_gradients(forward(batch)); });
}

void TrainingStep::begin(int64_t micro_batches) {
  result_ = {};
  norm_of_all_ = at::Tensor();
  result_.weight = static_cast<double>(micro_batches) / static_cast<double>(options_.accumulation);
  loss_scale_.copy_(trained_.scaler.scale());
  result_.loss_scale = loss_scale_;
  result_.slots = config_.moe.num_experts_per_tok;
  result_.first_moe_layer = config_.moe.first_k_dense_replace;
  if (begun_) trained_.parameters.gradient().zero_();  // of a step that was given up
  begun_ = true;
}

void TrainingStep::train(const Batch& batch) {
  if (!graph_) return backward(forward(batch), batch);
  add((*graph_)(batch), batch);
}

MicroBatchLosses TrainingStep::forward(const Batch& batch) {
  return micro_batch_losses(trained_.model, batch);
}

void TrainingStep::backward(const MicroBatchLosses& losses, const Batch& batch) {
  add(add_gradients(losses), batch);
  if (options_.replay) {
    result_.micro_steps.push_back({losses.loss_sum.detach(), detached(losses.reports.balance_loss), losses.targets});
  }
}

MicroBatchSums TrainingStep::add_gradients(const MicroBatchLosses& losses) const {
  const auto accumulation = static_cast<double>(options_.accumulation);
  const LayerReports& reports = losses.reports;
  const at::Tensor loss = losses.loss_sum / (accumulation * static_cast<double>(losses.targets));
  const at::Tensor balance_loss = divided(reports.balance_loss, accumulation);
  const at::Tensor z_loss = divided(reports.z_loss, accumulation);
  at::Tensor objective = loss;
  add_to(objective, balance_loss);
  add_to(objective, z_loss);
  (objective * loss_scale_).backward();
  const at::Tensor& dropped_le = reports.dropped_tokens_le;
  return {.loss = loss.detach(),
          .balance_loss = detached(balance_loss),
          .z_loss = detached(z_loss),
          .expert_tokens_le = reports.expert_tokens_le,
          .dropped_tokens = dropped_le.defined() ? dropped_le.sum() : dropped_le,
          .router_sums_lqe = reports.router_sums_lqe,
          .margins_lem = reports.margins_lem};
}

void TrainingStep::add(const MicroBatchSums& sums, const Batch& batch) {
  add_to(result_.loss, sums.loss);
  add_to(result_.balance_loss, sums.balance_loss);
  add_to(result_.z_loss, sums.z_loss);
  add_to(result_.expert_tokens_le, sums.expert_tokens_le);
  add_to(result_.margins_lem, sums.margins_lem);
  add_to(result_.router_sums_lqe, sums.router_sums_lqe);
  add_to(result_.dropped_tokens, sums.dropped_tokens);
  result_.targets += batch.targets;
  result_.positions += batch.tokens_bt.numel();
  last_batch_ = batch;
}

void TrainingStep::combine() {
  const World& world = trained_.division.world();
  if (world.is_alone()) return;
  norm_of_all_ = trained_.division.sum_gradients(trained_.parameters.gradient());
  result_.combine(world);
}

void TrainingStep::finish_gradients(const StepLimits& limits) {
  result_.grad_norm = gradient_norm() / result_.loss_scale;
  not_finite_ = at::isfinite(result_.grad_norm).logical_not().to(at::kFloat);
  result_.skipped = not_finite_;
  if (!std::isfinite(limits.loss)) return;
  const at::Tensor within = result_.grad_norm.le(limits.grad_norm).logical_and(result_.loss.le(limits.loss));
  result_.skipped = within.logical_not().to(at::kFloat);
}

StepResult TrainingStep::update(double learning_rate) {
  Parameters& parameters = trained_.parameters;
  const RouterState& router = parameters.router_state();
  trained_.optimizer->step(learning_rate, gradient_divisor(), result_.skipped);
  if (trained_.division.shards_optimizer()) {
    trained_.division.share_update(parameters.master());
    parameters.refresh_shadow();
    parameters.gradient().zero_();  // of what others have updated
  }
  begun_ = false;
  update_router_state(router, {result_.expert_tokens_le, result_.margins_lem}, result_.skipped, config_.moe);
  result_.router_bias_le = router.bias_le;
  trained_.scaler.update(not_finite_);
  return std::move(result_);
}

/// Of the flat buffer, loss scale included.
at::Tensor TrainingStep::gradient_norm() const {
  const Parameters& parameters = trained_.parameters;
  if (norm_of_all_.defined()) return norm_of_all_;
  if (!options_.replay) return flat_norm(parameters.gradient());
  std::vector<at::Tensor> gradients;
  for (const auto& entry : parameters.named(parameters.gradient())) gradients.push_back(entry.second);
  return clip_norm(gradients);
}

/// What gradients are divided by: the loss scale, and more where the norm is clipped.
at::Tensor TrainingStep::gradient_divisor() const {
  if (options_.max_grad_norm == 0) return result_.loss_scale;
  // grad * min(1, max / (norm + 1e-6)), as PyTorch clips, is grad / max(1, (norm + 1e-6) / max).
  return result_.loss_scale * ((result_.grad_norm + 1e-6) / options_.max_grad_norm).clamp_min(1.0);
}

}  // namespace mm
