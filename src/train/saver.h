// Saving a run: its checkpoint, and the weights for MiniMind's own programs beside it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "checkpoint/checkpoint_store.h"
#include "interchange/generation.h"
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

class Saver {
 public:
  /// All that is named here outlives it.
  Saver(const RunConfig& config, CheckpointStore& store, const std::optional<PthExport>& pth)
      : config_(config), store_(store), pth_(pth) {}

  /// Does nothing when this state is saved already. Throws Error(kDiverged) when weights or moments are not finite, and
  /// then every checkpoint is as it was; Error(kStorage) as CheckpointStore does.
  void save(TrainState& state, const SaveNotes& notes);

 private:
  const RunConfig& config_;
  CheckpointStore& store_;
  const std::optional<PthExport>& pth_;
  int64_t saved_step_ = -1;
};

}  // namespace mm
