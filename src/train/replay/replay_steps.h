// The steps of another trainer's run.
#pragma once

#include "model/causal_lm.h"
#include "train/replay/replay.h"
#include "train/step_source.h"

namespace mm {

/// All that is named here outlives it.
class ReplaySteps final : public StepSource {
 public:
  ReplaySteps(Replay& replay, const BatchLoader& loader, CausalLm& model)
      : replay_(replay), loader_(loader), model_(model) {}

  int64_t total_steps() const override { return replay_.plan().updates(); }
  /// An update has the learning rate of its last micro-step.
  StepPlan plan(int64_t step) const override;
  Batch batch(int64_t step, int64_t micro_batch) override;
  /// Adds what the trainer computes behind its last update, without gradients: they are lost.
  void finish(StepResult& result) override;
  void describe(StepRecord& record) override { replay_.describe(record); }

 private:
  Batch batch_of(const ReplayMicroStep& micro_step) { return loader_.batch_of(replay_.rows_of(micro_step)); }

  Replay& replay_;
  const BatchLoader& loader_;
  CausalLm& model_;
};

}  // namespace mm
