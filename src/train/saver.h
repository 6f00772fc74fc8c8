// Saving a run: its checkpoint, and the weights for MiniMind's own programs beside it.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <optional>
#include <string>

#include "checkpoint/store/checkpoint_store.h"
#include "checkpoint/store/snapshot.h"
#include "core/process/run_lock.h"
#include "interchange/config/generation.h"
#include "train/run_metrics.h"
#include "train/train_state.h"

namespace mm {

/// The weights alone for MiniMind's own programs, rewritten with every checkpoint.
struct PthExport {
  std::string path;
  const Generation& generation;
};

/// Writes the weights of `tensors` (Hugging Face names; more than the file needs may be there). A file that cannot be
/// written is a warning: it can be made again from the checkpoint.
void write_pth(const PthExport& pth, const NamedTensors& tensors, const ModelConfig& model);

/// What is known of a state besides itself when it is saved.
struct SaveNotes {
  std::optional<double> validation_loss;  ///< behind this very step: the lowest that was saved is the best
  bool healthy = true;                    ///< whether the model is learning
  bool replace = false;                   ///< a checkpoint of this step that is there already
};

/// Copies the state and lets the training go on while a thread writes the copy; one at a time.
///
/// A checkpoint that cannot be written is a warning, and tried again a minute later, until several in a row have
/// failed: Error(kStorage). One with weights or moments that are not finite is not written: Error(kDiverged). Whatever
/// goes wrong in the thread is thrown by the next call here, and every older checkpoint is as it was.
class Saver {
 public:
  /// All that is named here outlives it.
  ///   lock    of the run's folder, without which nothing is written; null: nobody else writes there
  ///   writes  false: another rank does, and here it is only kept in mind
  Saver(const RunConfig& config, CheckpointStore& store, const std::optional<PthExport>& pth, RunMetrics& metrics,
        const RunLock* lock, bool writes = true);

  /// Does nothing when this state is saved already, or is being written.
  void save(TrainState& state, const SaveNotes& notes);

  /// In the place of a checkpoint of the same step.
  void save_again(TrainState& state, SaveNotes notes);

  /// Tells of the checkpoint that was being written if that is done.
  void look(TrainState& state);
  /// Waits for it. It is the last: a failure is thrown at once.
  void finish(TrainState& state);

  /// Whether the last checkpoint is `checkpoint.every_minutes` old, or failed a minute ago.
  bool is_due_by_time() const;

 private:
  using Clock = std::chrono::steady_clock;

  /// What the checkpoint that is being written will have changed, to take it back when it fails.
  struct Writing {
    int64_t step = 0;
    double blocked_seconds = 0;  ///< the training waited for that long
    double best_saved_loss = 0;  ///< before it
    int64_t best_saved_step = -1;
  };

  /// Of a copy of the tensors, where memory holds one.
  Checkpoint checkpoint_of(TrainState& state, const SaveNotes& notes);
  /// In the thread; returns the seconds that it took.
  double write(const Checkpoint& checkpoint, int64_t step, bool best, bool replace) const;
  void settle(TrainState& state, bool last);
  void say_once_why_no_pth();

  const RunConfig& config_;
  CheckpointStore& store_;
  const std::optional<PthExport>& pth_;
  RunMetrics& metrics_;
  const RunLock* lock_;
  bool writes_;
  Snapshot snapshot_;
  bool in_background_;
  int64_t saved_step_ = -1;
  bool said_why_no_pth_ = false;
  int64_t failures_ = 0;  ///< in a row
  Clock::time_point begun_ = Clock::now();
  Writing writing_;
  std::future<double> written_;  ///< the last member: it is waited for before what the thread uses goes
};

}  // namespace mm
