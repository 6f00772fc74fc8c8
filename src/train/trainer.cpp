// run() and step() are the whole loop; the rest of the file is what their lines mean.
#include "train/trainer.h"

#include <ATen/ops/isfinite.h>

#include "core/error.h"
#include "core/log.h"
#include "core/random.h"
#include "core/text.h"
#include "interchange/state_dict.h"
#include "model/count.h"
#include "model/moe/balance.h"
#include "ops/add_to.h"
#include "ops/cross_entropy.h"
#include "ops/flat_norm.h"
#include "optim/clip_norm.h"
#include "optim/schedule.h"
#include "train/evaluate.h"
#include "train/generate.h"
#include "train/non_finite.h"
#include "train/revival.h"
#include "train/stop_signal.h"

namespace mm {
namespace {

/// In fp16 a few steps are skipped while the loss scale settles; a model that skips this many in a row is lost.
constexpr int64_t kMaxSkippedInARow = 20;

at::Tensor divided(const at::Tensor& loss, double by) {
  return loss.defined() ? loss / by : loss;
}

at::Tensor detached(const at::Tensor& loss) {
  return loss.defined() ? loss.detach() : loss;
}

}  // namespace

Trainer::Trainer(const TrainerParts& parts, TrainState& state)
    : parts_(parts),
      config_(parts.config),
      state_(state),
      replay_(parts.replay),
      bytes_per_token_v_(bytes_per_token(parts.tokenizer, config_.model.vocab_size, parts.setup.device)),
      flops_per_token_(flops_per_token(config_.model, config_.data.sequence_length)),
      gemm_rate_(measure_gemm_rate(parts.setup.device, parts.setup.compute_type)) {
  if (config_.model.is_moe() && config_.metrics.router_every > 0) probe_.emplace(config_, state_);
}

ExitCode Trainer::run() {
  while (state_.step < total_steps() && !asked_to_stop()) {
    StepRecord record = step();
    tell(record);
    watch_divergence(record);
    if (router_due(state_.step) && !record.skipped) measure_router();
    if (due(config_.evaluation.every)) evaluate_now();
    if (due(config_.sample.every)) sample_now();
    if (due(config_.checkpoint.every)) save();
  }
  save();
  return state_.step < total_steps() ? ExitCode::kStopped : ExitCode::kFinished;
}

StepRecord Trainer::step() {
  const auto start = Clock::now();
  const StepPlan plan = plan_step();
  // 1-3: the micro-batches, forward and backward of each, the norm. A step that is not finite changes nothing below.
  StepResult result = compute_gradients(plan.micro_batches);
  if (router_due(state_.step + 1)) probe_->keep_weights();
  // 4: clip, optimizer, balance
  state_.optimizer.step(plan.learning_rate, gradient_divisor(result), result.skipped);
  state_.parameters.refresh_shadow();
  update_router_state(state_.parameters.router_state(), {result.expert_tokens_le, result.margins_lem}, result.skipped,
                      config_.model.moe);
  result.router_bias_le = state_.parameters.router_state().bias_le;
  state_.scaler.update(result.skipped);
  state_.step += 1;
  state_.tokens_total += result.targets;
  // 5: what is to be told of it
  if (replay_ && state_.step == total_steps()) add_lost_micro_steps(result);
  return record_of(result, plan.learning_rate, start);
}

Trainer::StepPlan Trainer::plan_step() const {
  if (replay_) {
    const std::span<const ReplayMicroStep> micro_steps = replay_->plan().of_update(state_.step);
    return {.micro_batches = std::ssize(micro_steps), .learning_rate = micro_steps.back().learning_rate};
  }
  const double factor = learning_rate_factor(state_.step, config_.train.steps, config_.schedule);
  return {.micro_batches = config_.train.accumulation, .learning_rate = config_.optim.learning_rate * factor};
}

StepResult Trainer::compute_gradients(int64_t micro_batches) {
  const double accumulation = static_cast<double>(config_.train.accumulation);
  StepResult result;
  result.weight = static_cast<double>(micro_batches) / accumulation;
  result.loss_scale = state_.scaler.scale().clone();
  result.slots = config_.model.moe.num_experts_per_tok;
  state_.parameters.gradient().zero_();
  for (int64_t micro_batch = 0; micro_batch < micro_batches; ++micro_batch) {
    seed_dropout(micro_batch);
    const Batch batch = next_batch(micro_batch);
    const auto [loss_sum, reports] = forward(batch);
    const at::Tensor loss = loss_sum / (accumulation * static_cast<double>(batch.targets));
    at::Tensor objective = loss;
    add_to(objective, divided(reports.balance_loss, accumulation));
    add_to(objective, divided(reports.z_loss, accumulation));
    (objective * result.loss_scale).backward();

    add_to(result.loss, loss.detach());
    add_to(result.balance_loss, detached(divided(reports.balance_loss, accumulation)));
    add_to(result.z_loss, detached(divided(reports.z_loss, accumulation)));
    add_to(result.expert_tokens_le, reports.expert_tokens_le);
    add_to(result.margins_lem, reports.margins_lem);
    add_to(result.router_sums_lqe, reports.router_sums_lqe);
    if (reports.dropped_tokens_le.defined()) add_to(result.dropped_tokens, reports.dropped_tokens_le.sum());
    last_batch_ = batch;
    result.targets += batch.targets;
    result.positions += batch.tokens_bt.numel();
    if (replay_) result.micro_steps.push_back({loss_sum.detach(), detached(reports.balance_loss), batch.targets});
  }
  result.grad_norm = gradient_norm() / result.loss_scale;
  result.skipped = at::isfinite(result.grad_norm).logical_not().to(at::kFloat);
  return result;
}

Batch Trainer::next_batch(int64_t micro_batch) {
  if (!replay_) return state_.loader.next();
  const ReplayMicroStep& micro_step = replay_->plan().of_update(state_.step)[static_cast<size_t>(micro_batch)];
  return state_.loader.batch_of(replay_->rows_of(micro_step));
}

Trainer::Losses Trainer::forward(const Batch& batch) {
  // Every position is routed and counted: packed windows have no padding, and MiniMind counts its own.
  const HiddenStates states = state_.model.forward(batch.tokens_bt, /*training=*/true);
  const at::Tensor losses_n = cross_entropy(state_.model.logits(states.hidden_nd), batch.targets_bt.flatten());
  return {losses_n.sum(), states.reports};
}

void Trainer::add_lost_micro_steps(StepResult& result) {
  const at::NoGradGuard no_gradients;
  for (const ReplayMicroStep& micro_step : replay_->plan().lost()) {
    const Batch batch = state_.loader.batch_of(replay_->rows_of(micro_step));
    const auto [loss_sum, reports] = forward(batch);
    result.micro_steps.push_back({loss_sum, reports.balance_loss, batch.targets});
  }
}

at::Tensor Trainer::gradient_norm() const {
  if (!replay_) return flat_norm(state_.parameters.gradient());
  std::vector<at::Tensor> gradients;
  for (const auto& entry : state_.parameters.named(state_.parameters.gradient())) gradients.push_back(entry.second);
  return clip_norm(gradients);
}

at::Tensor Trainer::gradient_divisor(const StepResult& result) const {
  if (config_.optim.max_grad_norm == 0) return result.loss_scale;
  // grad * min(1, max / (norm + 1e-6)), as PyTorch clips, is grad / max(1, (norm + 1e-6) / max).
  return result.loss_scale * ((result.grad_norm + 1e-6) / config_.optim.max_grad_norm).clamp_min(1.0);
}

StepRecord Trainer::record_of(const StepResult& result, double learning_rate, Clock::time_point start) {
  StepRecord record;
  record.step = state_.step;
  record.total_steps = total_steps();
  record.tokens_total = state_.tokens_total;
  record.learning_rate = learning_rate;
  result.read_into(record);
  record.memory_bytes = memory_in_use(parts_.setup.device);
  const MoeConfig& moe = config_.model.moe;
  if (config_.model.is_moe() && moe.router_aux_loss_coef > 0) {
    const auto layers = static_cast<double>(config_.model.num_hidden_layers);
    record.aux_loss_floor = balance_loss_floor(moe) * layers;
    record.aux_loss_unscaled = record.aux_loss / moe.router_aux_loss_coef / layers;
  }
  if (replay_) replay_->describe(record);
  record.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  const double flops = flops_per_token_ * static_cast<double>(result.positions);
  record.mfu = flops / record.seconds / gemm_rate_;
  // Faster than a matrix product: the rate was measured while the device was busy with something else.
  if (record.mfu > 1) {
    gemm_rate_ = std::max(gemm_rate_, measure_gemm_rate(parts_.setup.device, parts_.setup.compute_type));
    record.mfu = flops / record.seconds / gemm_rate_;
  }
  return record;
}

void Trainer::seed_dropout(int64_t micro_step) const {
  if (!config_.model.is_random_in_training()) return;
  const auto index = static_cast<uint64_t>(state_.step * config_.train.accumulation + micro_step);
  seed_device(parts_.setup.device, derive_seed(static_cast<uint64_t>(config_.run.seed), "dropout", index));
}

void Trainer::tell(StepRecord& record) {
  if (record.skipped && config_.model.is_moe()) record.non_finite = find_non_finite(state_.model, last_batch_);
  const std::vector<EventRecord> alarms = state_.alarms.observe(record);
  if (config_.model.is_moe()) record.verdict = state_.alarms.verdict();
  write(record);
  write_events(alarms);
  write_events(revive_experts(state_.alarms.standing(), record, config_, state_));
}

void Trainer::measure_router() {
  const RouterRecord record = probe_->measure();
  for (const std::unique_ptr<MetricSink>& sink : parts_.sinks) sink->write_router(record);
  write_events(state_.alarms.observe(record));
}

bool Trainer::router_due(int64_t step) const {
  return probe_ && (step == 1 || step % config_.metrics.router_every == 0);
}

void Trainer::write_events(const std::vector<EventRecord>& events) {
  if (events.empty()) return;
  for (const std::unique_ptr<MetricSink>& sink : parts_.sinks) sink->write_events(events);
}

void Trainer::watch_divergence(const StepRecord& record) {
  skipped_in_a_row_ = record.skipped ? skipped_in_a_row_ + 1 : 0;
  if (skipped_in_a_row_ < kMaxSkippedInARow) return;
  throw Error(ExitCode::kDiverged,
              got_want(format("step %lld", static_cast<long long>(record.step)),
                       format("%lld steps in a row that were not finite", static_cast<long long>(skipped_in_a_row_)),
                       "finite losses and gradients",
                       "lower optim.learning_rate or raise schedule.warmup_steps; the last checkpoint is as it was"));
}

void Trainer::evaluate_now() {
  if (!parts_.validation) return;
  EvaluationRecord record = evaluate(state_.model, *parts_.validation, config_.evaluation.tokens,
                                     config_.train.micro_batch, bytes_per_token_v_);
  record.step = state_.step;
  record.best = record.loss < state_.best_loss;
  if (record.best) state_.best_loss = record.loss;
  last_evaluation_ = {record.step, record.loss};
  write(record);
}

void Trainer::sample_now() {
  const SampleConfig& sample = config_.sample;
  const std::vector<std::string> prompts = sample.prompts.empty() ? std::vector<std::string>{""} : sample.prompts;
  for (size_t i = 0; i < prompts.size(); ++i) {
    const uint64_t seed = derive_seed(static_cast<uint64_t>(config_.run.seed), "sample", i);
    const std::string text = generate(state_.model, parts_.tokenizer, prompts[i],
                                      {.max_new_tokens = sample.max_new_tokens,
                                       .temperature = sample.temperature,
                                       .top_p = sample.top_p,
                                       .context = config_.data.sequence_length,
                                       .seed = seed});
    write(SampleRecord{.step = state_.step, .prompt = prompts[i], .text = text});
  }
}

void Trainer::save() {
  if (saved_step_ == state_.step) return;
  const bool measured = last_evaluation_.step == state_.step;
  const bool best = measured && last_evaluation_.loss < state_.best_saved_loss;
  if (best) state_.best_saved_loss = last_evaluation_.loss;
  parts_.store.save(state_.step, state_.checkpoint(), best);
  if (parts_.pth) {
    write_generation_pth(parts_.pth->path, state_.parameters.named(state_.parameters.master()), config_.model,
                         parts_.pth->generation, generation_dtype(parts_.pth->generation));
  }
  saved_step_ = state_.step;
}

bool Trainer::due(int64_t every) const {
  return every > 0 && (state_.step % every == 0 || state_.step == total_steps());
}

int64_t Trainer::total_steps() const {
  return replay_ ? replay_->plan().updates() : config_.train.steps;
}

bool Trainer::asked_to_stop() const {
  return stop_requested() || (config_.train.stop_after > 0 && state_.step >= config_.train.stop_after);
}

template <class Record>
void Trainer::write(const Record& record) {
  for (const std::unique_ptr<MetricSink>& sink : parts_.sinks) sink->write(record);
}

}  // namespace mm
