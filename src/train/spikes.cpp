#include "train/spikes.h"

#include <cmath>
#include <optional>
#include <vector>

#include "core/error.h"
#include "core/text.h"

namespace mm {

std::string Spikes::place() const {
  return format("step %lld", static_cast<long long>(state_.step));
}

void Spikes::judge(const StepRecord& record) {
  if (!state_.watches_spikes) return;
  if (record.skipped && !std::isfinite(record.grad_norm)) return;  // counted by the trainer
  const StepLimits limits = state_.spikes.limits();
  const bool by_loss = record.loss > limits.loss;
  if (!by_loss && record.grad_norm <= limits.grad_norm) return state_.spikes.add(record.loss, record.grad_norm);

  const double value = by_loss ? record.loss : record.grad_norm, limit = by_loss ? limits.loss : limits.grad_norm;
  const int64_t end = state_.loader.position();
  const RollBack spike = {
      by_loss ? "loss_spike" : "gradient_spike",
      format("a %s of %.4g where at most %.4g was usual, on sequences %lld to %lld in the order of "
             "the data",
             by_loss ? "loss" : "gradient norm", value, limit,
             static_cast<long long>(end - config_.sequences_per_step()), static_cast<long long>(end - 1)),
      value, limit};
  if (!record.skipped) return act(spike);
  // One such step is the text's fault, two in a row are the weights'.
  if (config_.spikes.policy == "roll_back" && state_.skipped_in_a_row > 1) throw spike;
  tell(spike, "skipped");
  count();
}

void Spikes::judge(const EvaluationRecord& record) {
  if (!state_.watches_spikes || config_.spikes.divergence == 0) return;
  const double limit = state_.best_loss + config_.spikes.divergence;
  if (record.loss <= limit) return;
  act({"divergence", format("a validation loss of %.4g, where %.4g was reached", record.loss, state_.best_loss),
       record.loss, limit});
}

void Spikes::act(const RollBack& spike) {
  if (config_.spikes.policy == "skip") return tell(spike, "seen");
  if (config_.spikes.policy == "roll_back") throw spike;
  throw Error(ExitCode::kDiverged, got_want(place(), spike.text, "steps like those before",
                                            "this is spikes.policy stop; lower optim.learning_rate and resume from the "
                                            "last checkpoint, or set the policy to roll_back"));
}

void Spikes::tell(const RollBack& spike, const std::string& state) {
  metrics_.write(std::vector<EventRecord>{{.step = state_.step,
                                           .type = "event",
                                           .name = spike.name,
                                           .state = state,
                                           .value = spike.value,
                                           .threshold = spike.limit,
                                           .text = spike.text}});
}

void Spikes::count() {
  if (++state_.spikes_acted_on <= config_.spikes.budget) return;
  throw Error(ExitCode::kDiverged, got_want(place(), with_commas(state_.spikes_acted_on) + " spikes in this run",
                                            "at most spikes.budget " + with_commas(config_.spikes.budget),
                                            "lower optim.learning_rate; the last checkpoint is as it was"));
}

void Spikes::roll_back(const RollBack& reason, CheckpointStore& store, Saver& saver) {
  count();
  const BatchLoader::Place reached = state_.loader.place();
  const int64_t from = state_.step, acted_on = state_.spikes_acted_on;
  const double rate_factor = state_.rate_factor * config_.spikes.rate_factor;
  saver.finish(state_);
  std::optional<LoadedCheckpoint> older;
  if (world_.is_first()) older = store.load_up_to(from - config_.spikes.back, /*only_healthy=*/true);
  if (!world_.any(older.has_value())) {
    throw Error(ExitCode::kDiverged,
                got_want(place(), reason.text, "a healthy checkpoint at least spikes.back steps older to go back to",
                         "lower optim.learning_rate, or set checkpoint.every lower or checkpoint.keep higher"));
  }
  if (older) state_.restore(*older);
  state_.share();
  state_.loader.seek(reached);
  state_.spikes_acted_on = acted_on;
  state_.rate_factor = rate_factor;
  if (world_.is_first()) store.remove_after(state_.step);
  metrics_.rewind(state_.step);
  RollBack told = reason;
  told.text += format(": back from step %lld, past the text since then", static_cast<long long>(from));
  tell(told, "rolled_back");
  saver.save_again(state_, {});
}

}  // namespace mm
