#include "train/saver.h"

#include "checkpoint/finite.h"
#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "interchange/state_dict.h"

namespace mm {
namespace {

void check_finite(const Checkpoint& checkpoint, int64_t step) {
  for (const NamedTensors* tensors : {&checkpoint.model, &checkpoint.optimizer}) {
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

void Saver::save(TrainState& state, const SaveNotes& notes) {
  if (saved_step_ == state.step) return;
  const double saved_loss = state.best_saved_loss;
  const int64_t saved_step = state.best_saved_step;
  const bool best = notes.validation_loss && *notes.validation_loss < saved_loss;
  if (best) {
    state.best_saved_loss = *notes.validation_loss;
    state.best_saved_step = state.step;
  }
  try {
    Checkpoint checkpoint = state.checkpoint();
    check_finite(checkpoint, state.step);
    checkpoint.config_json = run_config_text(config_);
    checkpoint.healthy = notes.healthy;
    store_.save(state.step, checkpoint, best, notes.replace);
  } catch (const Error&) {
    state.best_saved_loss = saved_loss;
    state.best_saved_step = saved_step;
    throw;
  }
  if (pth_) write_pth(*pth_, state.parameters.named(state.parameters.master()), state.model.config());
  saved_step_ = state.step;
}

}  // namespace mm
