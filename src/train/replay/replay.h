// A run of one of MiniMind's trainers, replayed: which rows come when, and what is told of every micro-step. No torch.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/record.h"
#include "recipe/run_config.h"
#include "train/replay/replay_plan.h"

namespace mm {

class Replay {
 public:
  /// `rows` of the data are trained on from `start` on, as `config.compat.trainer` does it. Throws Error(kData) when
  /// they do not make one update.
  Replay(const RunConfig& config, int64_t rows, ReplayPoint start = {});

  const ReplayPlan& plan() const { return plan_; }

  /// The rows of a micro-step, in the order of its batch. Cheap while micro-steps stay in one epoch.
  std::vector<int64_t> rows_of(const ReplayMicroStep& micro_step);

  /// Adds to the losses in `record.micro_steps` which micro-steps they are of.
  void describe(StepRecord& record);

 private:
  ReplayRules rules_;
  int64_t rows_, batch_size_;
  ReplayPlan plan_;
  int64_t shuffled_epoch_ = -1;  ///< of `order_`
  std::vector<uint32_t> order_;
};

}  // namespace mm
