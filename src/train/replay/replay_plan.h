// Which micro-steps make which optimizer update when a trainer of MiniMind is replayed: a pure function. No torch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "recipe/sections/replay_rules.h"

namespace mm {

struct ReplaySettings {
  int64_t rows = 0;  ///< of the data
  int64_t batch_size = 0;
  int64_t accumulation = 1;
  int64_t epochs = 1;
  double learning_rate = 0;
};

/// One micro-batch, forward and backward.
struct ReplayMicroStep {
  int64_t number = 0;        ///< 1-based, from the start of the first epoch
  int64_t epoch = 0;         ///< 0-based
  int64_t step = 0;          ///< in the epoch, as the trainer counts
  int64_t batch = 0;         ///< of the epoch, 0-based
  double learning_rate = 0;  ///< an update has that of its last micro-step
};

class ReplayPlan {
 public:
  ReplayPlan(const ReplayRules& rules, const ReplaySettings& settings, ReplayPoint start = {});

  int64_t updates() const { return static_cast<int64_t>(ends_.size()); }
  int64_t micro_batches_per_epoch() const { return micro_batches_per_epoch_; }
  /// What update `update` (0-based) accumulates.
  std::span<const ReplayMicroStep> of_update(int64_t update) const;
  /// What is computed behind the last update, and lost.
  std::span<const ReplayMicroStep> lost() const;
  /// The number of the last micro-step that `updates` updates have accumulated; 0 for none.
  int64_t last_number(int64_t updates) const;

 private:
  int64_t micro_batches_per_epoch_;
  std::vector<ReplayMicroStep> micro_steps_;
  std::vector<size_t> ends_;  ///< of each update, in micro_steps_
};

}  // namespace mm
