// run() and step() are the whole loop; the rest of the file is what their lines mean.
#include "train/trainer.h"

#include <chrono>
#include <cmath>
#include <sstream>

#include "core/alive.h"
#include "core/error.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "engine/non_finite.h"
#include "eval/domain_watch.h"
#include "eval/evaluate.h"
#include "eval/sample.h"
#include "train/router/revival.h"

namespace mm {
namespace {

/// In fp16 a few steps are skipped while the loss scale settles; a model that skips this many in a row is lost.
constexpr int64_t kMaxSkippedInARow = 20;

/// First weights may be that much worse than a guess among all tokens; a model that ever learned is not.
constexpr double kAboveGuessing = 1.0;

/// The order of the duties, which a saved state counts by. The first is never left half done, the last needs no record.
enum DutyOrder : int64_t { kRouter, kEvaluation, kSample, kSave };

double guessing_loss(const ModelConfig& model) {
  return std::log(static_cast<double>(model.vocab_size));
}

}  // namespace

std::vector<std::string> undone_records(const TrainState& state) {
  if (state.duties_done < 0 || state.duties_done > kSample) return {};
  if (state.duties_done == kSample) return {"sample"};
  return {"evaluation", "domains", "sample"};
}

Trainer::Trainer(const TrainerParts& parts, TrainState& state)
    : parts_(parts),
      config_(parts.config),
      world_(parts.world),
      state_(state),
      training_(config_.model,
                {.accumulation = config_.train.accumulation,
                 .max_grad_norm = config_.optim.max_grad_norm,
                 .replay = config_.compat.enabled(),
                 .capture = captures(config_, parts.setup)},
                state),
      metrics_(config_, parts.setup, parts.sinks),
      saver_(config_, parts_.store, parts_.pth, metrics_, parts_.lock, world_.is_first()),
      spikes_(config_, state_, metrics_, world_),
      duties_{{config_.model.is_moe() ? config_.metrics.router_every : 0, true, false, &Trainer::measure_router},
              {parts.validation ? config_.evaluation.every : 0, false, true, &Trainer::evaluate},
              {config_.sample.every, false, true, &Trainer::sample},
              {config_.checkpoint.every, false, true, &Trainer::save}},
      bytes_per_token_v_(bytes_per_token(parts.tokenizer, config_.model.vocab_size, parts.setup.device)) {
  if (duties_[kRouter].every > 0) probe_.emplace(config_, state_);
  if (state_.duties_done >= 0) taken_up_at_ = state_.step;
}

ExitCode Trainer::run() {
  try {
    train();
  } catch (const StopRequested&) {
    // What was half done is done again by the resumed run.
  } catch (const Error& error) {
    if (is_worth_saving_before(error)) save_before_leaving();
    throw;
  }
  save();
  saver_.finish(state_);
  return state_.step < parts_.steps.total_steps() || state_.duties_done >= 0 ? ExitCode::kStopped : ExitCode::kFinished;
}

void Trainer::advance(int64_t last) {
  while (state_.step < last) {
    try {
      StepRecord record = step();
      tell(record);
      if (due(duties_[kRouter], state_.step)) measure_router();
    } catch (const RollBack& reason) {
      throw Error(ExitCode::kDiverged, got_want(format("step %lld", static_cast<long long>(state_.step)), reason.text,
                                                "a step that the run went on from"));
    }
  }
}

void Trainer::train() {
  do_duties();  // those that a stopped run has left
  while (state_.step < parts_.steps.total_steps() && !asked_to_stop()) {
    try {
      StepRecord record = step();
      if (parts_.lock != nullptr) parts_.lock->require_held();
      saver_.look(state_);
      tell(record);
      state_.duties_done = 0;
      do_duties();
    } catch (const RollBack& reason) {
      roll_back(reason);
    } catch (const Error& error) {
      if (error.code() != ExitCode::kDiverged || config_.spikes.policy != "roll_back") throw;
      roll_back({.name = "not_finite", .text = error.what()});
    }
  }
}

void Trainer::do_duties() {
  if (state_.duties_done < 0) return;
  while (state_.duties_done < std::ssize(duties_)) {
    const Duty& duty = duties_[static_cast<size_t>(state_.duties_done)];
    // Saving is the last one: what it saves has nothing left to do. A checkpoint that had is replaced.
    const bool last = state_.duties_done == kSave;
    if (last) state_.duties_done = -1;
    const bool besides = last && world_.any(save_is_due());
    if (due(duty, state_.step) || besides) (this->*duty.act)();
    if (last) return;
    ++state_.duties_done;
  }
}

StepRecord Trainer::step() {
  still_in("a step");
  const auto start = std::chrono::steady_clock::now();
  const StepPlan plan = parts_.steps.plan(state_.step);
  const BatchLoader::Place place = state_.loader.place();
  training_.begin(plan.micro_batches);
  // The ranks take them in turn, as their loaders do: the order of the samples is that of a run without others.
  for (int64_t micro_batch = world_.rank(); micro_batch < plan.micro_batches; micro_batch += world_.size()) {
    seed_dropout(config_, parts_.setup.device, state_.step, micro_batch);
    try {
      if (world_.is_alone()) leave_if_stopping();
      const Batch batch = parts_.steps.batch(state_.step, micro_batch);
      training_.train(batch);
    } catch (const StopRequested&) {
      state_.loader.seek(place);
      throw;
    } catch (const Error&) {  // of text that cannot be read on
      state_.loader.seek(place);
      throw;
    }
  }
  training_.combine();
  training_.finish_gradients(state_.spikes.limits_of_updates());
  if (due(duties_[kRouter], state_.step + 1)) probe_->keep_weights();
  const double learning_rate = plan.learning_rate * state_.rate_factor;
  StepResult result = training_.update(learning_rate);
  state_.step += 1;
  average_weights();
  state_.tokens_total += result.targets;
  validation_loss_.reset();
  if (state_.step == parts_.steps.total_steps()) parts_.steps.finish(result);

  StepRecord record = metrics_.read(result);
  record.step = state_.step;
  record.total_steps = parts_.steps.total_steps();
  record.tokens_total = state_.tokens_total;
  record.learning_rate = learning_rate;
  parts_.steps.describe(record);
  record.data_seconds = state_.loader.take_waited_seconds();
  metrics_.add_time(record, result, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return record;
}

/// A run that is made longer goes on with the average that it has.
void Trainer::average_weights() {
  if (!state_.average) return;
  const double begin = config_.average.from * static_cast<double>(parts_.steps.total_steps());
  if (state_.average->has_begun() || static_cast<double>(state_.step) > begin) state_.average->add();
}

void Trainer::tell(StepRecord& record) {
  still_in("writing metrics");
  if (record.skipped && !std::isfinite(record.grad_norm)) find_what_is_not_finite(record);
  const std::vector<EventRecord> alarms = state_.alarms.observe(record);
  const std::vector<AlarmSubject> standing = state_.alarms.standing();
  if (config_.model.is_moe()) record.verdict = state_.alarms.verdict();
  for (const AlarmSubject& subject : standing) record.standing.push_back(alarm_in_short(subject));
  metrics_.write(record);
  metrics_.write(alarms);
  metrics_.write(revive_experts(standing, record, config_, state_));
  watch_divergence(record);
  spikes_.judge(record);
}

/// Of several ranks, the first that finds something in its own batch.
void Trainer::find_what_is_not_finite(StepRecord& record) {
  record.non_finite = find_non_finite(state_.model, training_.last_batch());
  std::string found;
  if (record.non_finite) {
    found = format("%lld %lld ", static_cast<long long>(record.non_finite->layer),
                   static_cast<long long>(record.non_finite->expert.value_or(-1))) +
            record.non_finite->part;
  }
  record.non_finite.reset();
  for (const std::string& text : world_.gather(found)) {
    if (text.empty()) continue;
    NonFinite& first = record.non_finite.emplace();
    int64_t expert = -1;
    std::istringstream words(text);
    words >> first.layer >> expert >> std::ws;
    std::getline(words, first.part);
    if (expert >= 0) first.expert = expert;
    return;
  }
}

void Trainer::watch_divergence(const StepRecord& record) {
  state_.skipped_in_a_row = record.skipped ? state_.skipped_in_a_row + 1 : 0;
  if (!record.skipped) loss_ = record.loss;
  if (state_.skipped_in_a_row < kMaxSkippedInARow) return;
  throw Error(
      ExitCode::kDiverged,
      got_want(format("step %lld", static_cast<long long>(record.step)),
               format("%lld steps in a row that were not finite", static_cast<long long>(state_.skipped_in_a_row)),
               "finite losses and gradients",
               "lower optim.learning_rate or raise schedule.warmup_steps; the last checkpoint is as it was"));
}

void Trainer::roll_back(const RollBack& reason) {
  spikes_.roll_back(reason, parts_.store, saver_);
  loss_ = 0;
  validation_loss_.reset();
}

void Trainer::measure_router() {
  still_in("the measures of the router");
  if (state_.skipped_in_a_row > 0) return;  // there was no update to measure
  const RouterRecord record = probe_->measure();
  metrics_.write(record);
  metrics_.write(state_.alarms.observe(record));
}

void Trainer::evaluate() {
  still_in("an evaluation");
  DomainWatch domains(config_.model, *parts_.validation, parts_.setup.device);
  EvaluationRecord record = mm::evaluate(state_.model, *parts_.validation, config_.evaluation.tokens,
                                         config_.train.micro_batch, bytes_per_token_v_, &domains);
  record.loss = world_.from_first(record.loss);  // so that all decide alike
  evaluate_average(record);
  record.step = state_.step;
  record.best = record.loss < state_.best_loss;
  if (record.best) state_.best_loss = record.loss;
  validation_loss_ = record.loss;
  metrics_.write(record);
  DomainsRecord by_domain = domains.record(parts_.tokenizer);
  by_domain.step = state_.step;
  metrics_.write(by_domain);
  metrics_.write(state_.alarms.observe(record));
  spikes_.judge(record);
}

void Trainer::evaluate_average(EvaluationRecord& record) {
  if (!state_.average || !state_.average->has_begun()) return;
  const AverageInPlace average(*state_.average);
  const EvaluationRecord averaged = mm::evaluate(state_.model, *parts_.validation, config_.evaluation.tokens,
                                                 config_.train.micro_batch, bytes_per_token_v_);
  record.average_loss = averaged.loss;
  record.seconds += averaged.seconds;
}

void Trainer::sample() {
  still_in("a sample");
  // Where experts are divided it takes all ranks.
  if (!world_.is_first() && !state_.division.divides_experts()) return;
  for (SampleRecord& record : draw_samples(state_.model, parts_.tokenizer, config_)) {
    record.step = state_.step;
    metrics_.write(record);
  }
}

bool Trainer::save_is_due() const {
  if (take_save_request() || state_.step == taken_up_at_) return true;
  const CheckpointConfig& checkpoint = config_.checkpoint;
  const bool best = checkpoint.best && validation_loss_ && *validation_loss_ < state_.best_saved_loss;
  return checkpoint.every > 0 && (best || saver_.is_due_by_time());
}

void Trainer::save() {
  still_in("saving a checkpoint");
  saver_.save(state_, notes());
}

/// Whether the steps before it are as good as any: nothing could be written any more, or text cannot be read on.
bool Trainer::is_worth_saving_before(const Error& error) const {
  // What is divided takes all ranks to save, and they do not know of it.
  if (state_.division.is_divided() || dynamic_cast<const OtherText*>(&error) != nullptr) return false;
  return error.code() == ExitCode::kStorage || error.code() == ExitCode::kData;
}

void Trainer::save_before_leaving() {
  try {
    saver_.save(state_, notes());
    saver_.finish(state_);
  } catch (const Error& error) {
    log_warning(std::string("the last steps could not be saved: ") + error.what());
  }
}

SaveNotes Trainer::notes() const {
  return {.validation_loss = validation_loss_, .healthy = is_learning(), .replace = state_.step == taken_up_at_};
}

bool Trainer::is_learning() const {
  return state_.skipped_in_a_row == 0 && loss_ <= guessing_loss(config_.model) + kAboveGuessing;
}

bool Trainer::due(const Duty& duty, int64_t step) const {
  if (duty.every == 0) return false;
  return step % duty.every == 0 || (duty.at_first && step == 1) || (duty.at_last && step == parts_.steps.total_steps());
}

bool Trainer::asked_to_stop() const {
  return world_.any(stop_requested()) || (config_.train.stop_after > 0 && state_.step >= config_.train.stop_after);
}

}  // namespace mm
