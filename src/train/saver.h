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

class Saver {
 public:
  /// All that is named here outlives it.
  Saver(CheckpointStore& store, const std::optional<PthExport>& pth) : store_(store), pth_(pth) {}

  /// Does nothing when this step is saved already.
  ///   loss  of a validation at this very step: the lowest that was saved is the best
  void save(TrainState& state, const std::optional<double>& loss);

 private:
  CheckpointStore& store_;
  const std::optional<PthExport>& pth_;
  int64_t saved_step_ = -1;
};

}  // namespace mm
