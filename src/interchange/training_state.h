// The training state in a `_resume.pth` of MiniMind (from October 2025).
#pragma once

#include <cstdint>

#include "checkpoint/named_tensors.h"
#include "checkpoint/pth/pth_file.h"
#include "interchange/config/generation.h"

namespace mm {

/// What a `_resume.pth` of MiniMind holds besides the weights.
struct TrainingState {
  int64_t epoch = 0;            ///< the running one, from 0
  int64_t step = 0;             ///< micro-steps done in it
  NamedTensors first_moments;   ///< AdamW's exp_avg under the names of the weights
  NamedTensors second_moments;  ///< exp_avg_sq
  int64_t updates = 0;          ///< AdamW's step
};

/// Reads {"optimizer", "epoch", "step"} beside "model". AdamW numbers parameters in the order of the generation's
/// `parameters()`; each moment's shape is checked later, where it is copied.
///   model  the resolved config of the weights
/// Throws Error(kCheckpoint), naming the key, when something is missing or of another kind.
TrainingState read_training_state(const PthFile& file, const Generation& generation, const ModelConfig& model);

}  // namespace mm
