// Everything that a step changes, and how it is saved and restored.
#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "checkpoint/store/checkpoint_store.h"
#include "data/batch_loader.h"
#include "distributed/world.h"
#include "engine/device/device.h"
#include "engine/trained_model.h"
#include "engine/weight_average.h"
#include "engine/whole_model.h"
#include "interchange/weights.h"
#include "metrics/alarms/alarm_watch.h"
#include "recipe/run_config.h"
#include "recipe/sections/replay_rules.h"
#include "train/spike_watch.h"

namespace mm {

/// The state of a run. Random streams are functions of (seed, name, step), so the step is all there is to save of them.
struct TrainState : TrainedModel {
  ///   world  connected, where several ranks train together
  TrainState(const RunConfig& config, const DeviceSetup& setup, std::shared_ptr<TrainingText> data,
             const World& world = World::alone());

  BatchLoader loader;
  std::optional<WeightAverage> average;     ///< by average.decay
  int64_t step = 0;                         ///< updates done
  int64_t tokens_total = 0;                 ///< targets trained on
  std::optional<ReplayPoint> replay_start;  ///< of a replay: where it began
  uint64_t data_fingerprint;                ///< of the training data, which the order of the samples depends on
  AlarmWatch alarms;
  /// [MoE layers, tokens, slots] int64: where the tokens of the router probe went last; -1 before the first measure.
  /// Undefined for a dense model.
  at::Tensor probe_experts_lns;
  std::map<std::pair<int64_t, int64_t>, int64_t> revived;      ///< (layer, expert): the step it was last revived at
  double best_loss = std::numeric_limits<double>::infinity();  ///< lowest validation loss so far
  double best_saved_loss = std::numeric_limits<double>::infinity();  ///< of the checkpoint that `best` points at
  int64_t best_saved_step = -1;         ///< the step of that checkpoint; -1: none, or not known
  uint64_t validation_fingerprint = 0;  ///< of the data that these losses are of; 0: none, or not known
  SpikeWatch spikes;
  bool watches_spikes;           ///< whether this and the next two are saved
  int64_t spikes_acted_on = 0;   ///< of spikes.budget
  double rate_factor = 1;        ///< what the scheduled learning rate is multiplied by
  int64_t skipped_in_a_row = 0;  ///< steps that were not finite, up to this one
  int64_t duties_done = -1;      ///< of what was due behind this step; -1: all
  int64_t ranks = 1;             ///< that took the last step

  // Of several ranks, the first begins a run or takes it up, and then all share() it.

  /// First weights from scratch.
  void start_fresh(const RunConfig& config);
  /// First weights from elsewhere; with `init.optimizer` also AdamW's moments and the place in the run. Throws
  /// Error(kCheckpoint) when they are of another model, or the file has no training state.
  void start_from(const Weights& weights, const RunConfig& config);

  /// Of several ranks, for rank 0; all call it. A copy where the ranks divide the state, else the state itself.
  Checkpoint checkpoint();
  /// What rank 0 has begun or taken up becomes the state of all ranks.
  void share();
  /// Throws Error(kCheckpoint) when the checkpoint is of another model, damaged or of a newer version, Error(kData)
  /// when it was trained on other data.
  void restore(const LoadedCheckpoint& loaded);

 private:
  /// To write to, until share().
  WholeModel& whole();
  void share_average();
  /// All but the tensors, as JSON and back.
  std::string counters() const;
  void restore_counters(const std::string& json, const std::string& folder);

  std::optional<WholeModel> whole_;
};

/// Of a state.json, without a state: the step of the best checkpoint, -1 for none or unknown; and whether something
/// that was due behind its step was left undone.
int64_t best_saved_step(const std::string& state_json);
bool has_duties_left(const std::string& state_json);

}  // namespace mm
