#include "train/saver.h"

#include <c10/util/Exception.h>

#include <new>
#include <utility>

#include "checkpoint/finite.h"
#include "core/error.h"
#include "core/terminal/log.h"
#include "core/terminal/progress.h"
#include "core/text.h"
#include "engine/device/side_stream.h"
#include "interchange/export/exports.h"
#include "interchange/state_dict.h"

namespace mm {
namespace {

/// A full disk may be cleared and a server may come back: so long a run waits for it, and loses no more.
constexpr double kRetrySeconds = 60;
constexpr int64_t kMostFailures = 10;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void check_finite(const Checkpoint& checkpoint, int64_t step) {
  for (const NamedTensors* tensors : {&checkpoint.model, &checkpoint.optimizer, &checkpoint.average}) {
    const std::string problem = describe_non_finite(*tensors);
    if (problem.empty()) continue;
    throw Error(ExitCode::kDiverged,
                got_want(format("step %lld", static_cast<long long>(step)), problem, "a state worth keeping",
                         "nothing was saved over the last checkpoint; lower optim.learning_rate and resume from it"));
  }
}

}  // namespace

void write_pth(const PthExport& pth, const NamedTensors& tensors, const ModelConfig& model) {
  try {
    write_generation_pth(pth.path, tensors, model, pth.generation, generation_dtype(pth.generation));
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStorage) throw;
    log_warning(std::string(error.what()) + "\nthe run goes on; the next checkpoint tries again");
  }
}

Saver::Saver(const RunConfig& config, CheckpointStore& store, const std::optional<PthExport>& pth, RunMetrics& metrics,
             const RunLock* lock, bool writes)
    : config_(config),
      store_(store),
      pth_(pth),
      metrics_(metrics),
      lock_(lock),
      writes_(writes),
      in_background_(config.checkpoint.background) {}

void Saver::save(TrainState& state, const SaveNotes& notes) {
  if (saved_step_ == state.step) return;
  const Clock::time_point start = Clock::now();
  say_once_why_no_pth();
  settle(state, /*last=*/false);
  begun_ = Clock::now();
  writing_ = {.step = state.step, .best_saved_loss = state.best_saved_loss, .best_saved_step = state.best_saved_step};
  saved_step_ = state.step;
  const bool best = notes.validation_loss && *notes.validation_loss < state.best_saved_loss;
  if (best) {
    state.best_saved_loss = *notes.validation_loss;
    state.best_saved_step = state.step;
  }
  Checkpoint checkpoint = checkpoint_of(state, notes);
  if (!writes_) return;
  const auto how = in_background_ ? std::launch::async : std::launch::deferred;
  written_ = std::async(how, [this, checkpoint = std::move(checkpoint), step = state.step, best,
                              replace = notes.replace, queued = SideStream(state.parameters.device())] {
    c10::OptionalStreamGuard guard;
    if (in_background_) queued.enter(guard);
    return write(checkpoint, step, best, replace);
  });
  if (!in_background_) settle(state, /*last=*/false);
  writing_.blocked_seconds = seconds_since(start);
}

void Saver::say_once_why_no_pth() {
  if (std::exchange(said_why_no_pth_, true) || pth_ || config_.checkpoint.pth == "off") return;
  log_info("no pretrain_*.pth goes with the checkpoints: " + pth_obstacle(config_.model));
}

void Saver::save_again(TrainState& state, SaveNotes notes) {
  saved_step_ = -1;
  notes.replace = true;
  save(state, notes);
}

Checkpoint Saver::checkpoint_of(TrainState& state, const SaveNotes& notes) {
  Checkpoint checkpoint = state.checkpoint();
  checkpoint.config_json = run_config_text(config_);
  checkpoint.healthy = notes.healthy;
  // What was divided is a copy already.
  if (!in_background_ || !writes_ || state.division.is_divided()) return checkpoint;
  try {
    snapshot_.forget();
    Checkpoint copy = checkpoint;
    copy.model = snapshot_.take(checkpoint.model);
    copy.optimizer = snapshot_.take(checkpoint.optimizer);
    copy.average = snapshot_.take(checkpoint.average);
    return copy;
  } catch (const std::bad_alloc&) {
  } catch (const c10::OutOfMemoryError&) {
  }
  log_warning("memory does not hold a copy of the state: training stands still while a checkpoint is written");
  in_background_ = false;
  snapshot_ = {};
  return checkpoint;
}

double Saver::write(const Checkpoint& checkpoint, int64_t step, bool best, bool replace) const {
  const Clock::time_point start = Clock::now();
  check_finite(checkpoint, step);
  if (lock_ != nullptr) lock_->require_held();
  metrics_.sync();  // no checkpoint counts on records that a power cut could take
  store_.save(step, checkpoint, best, replace);
  if (pth_) write_pth(*pth_, checkpoint.model, config_.model);
  return seconds_since(start);
}

void Saver::look(TrainState& state) {
  if (written_.valid() && written_.wait_for(Clock::duration::zero()) == std::future_status::ready) {
    settle(state, /*last=*/false);
  }
}

void Saver::finish(TrainState& state) {
  settle(state, /*last=*/true);
}

bool Saver::is_due_by_time() const {
  const double every = failures_ > 0 ? kRetrySeconds : 60.0 * static_cast<double>(config_.checkpoint.every_minutes);
  return every > 0 && seconds_since(begun_) >= every;
}

void Saver::settle(TrainState& state, bool last) {
  if (!written_.valid()) return;
  const Clock::time_point start = Clock::now();
  try {
    Progress progress("saving a checkpoint", /*total=*/0);
    while (written_.wait_for(std::chrono::milliseconds(200)) == std::future_status::timeout) progress.done(0);
    const double seconds = written_.get();
    failures_ = 0;
    metrics_.write(SaveRecord{.step = state.step,
                              .saved_step = writing_.step,
                              .blocked_seconds = writing_.blocked_seconds + seconds_since(start),
                              .seconds = seconds});
  } catch (const Error& error) {
    state.best_saved_loss = writing_.best_saved_loss;
    state.best_saved_step = writing_.best_saved_step;
    saved_step_ = -1;
    if (error.code() != ExitCode::kStorage || last || ++failures_ == kMostFailures) throw;
    log_warning(std::string(error.what()) + "\nthe run goes on and tries again in a minute; nothing saved is lost");
  }
}

}  // namespace mm
