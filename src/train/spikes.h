// Steps that went wrong: what is done about them.
#pragma once

#include <string>

#include "checkpoint/store/checkpoint_store.h"
#include "distributed/world.h"
#include "metrics/record.h"
#include "train/run_metrics.h"
#include "train/saver.h"
#include "train/train_state.h"

namespace mm {

/// Thrown behind a step, and caught where the loop can go on from an older checkpoint.
struct RollBack {
  std::string name;  ///< of what was seen: `loss_spike`
  std::string text;  ///< the sentence
  double value = 0, limit = 0;
};

/// Acts by `spikes.policy` (recipe/sections/spike_config). With `none` it does nothing, and the run is the same byte
/// for byte.
class Spikes {
 public:
  /// All that is named here outlives it.
  Spikes(const RunConfig& config, TrainState& state, RunMetrics& metrics, const World& world)
      : config_(config), state_(state), metrics_(metrics), world_(world) {}

  /// Throws RollBack, or Error(kDiverged) where the policy is to stop or the budget is used up.
  void judge(const StepRecord& record);
  void judge(const EvaluationRecord& record);

  /// Puts the state back to the newest healthy checkpoint that is `spikes.back` steps old, but for its place in the
  /// data: the text since is passed over. Later checkpoints and records go. Throws Error(kDiverged) when there is none.
  void roll_back(const RollBack& reason, CheckpointStore& store, Saver& saver);

 private:
  void act(const RollBack& spike);
  void tell(const RollBack& spike, const std::string& state);
  void count();
  std::string place() const;

  const RunConfig& config_;
  TrainState& state_;
  RunMetrics& metrics_;
  const World& world_;
};

}  // namespace mm
