// What the steps of a run are made of: how many there are, which text comes when, at which learning rate.
#pragma once

#include <ATen/Device.h>

#include <cstdint>

#include "data/batch_loader.h"
#include "engine/step_result.h"
#include "metrics/record.h"
#include "recipe/run_config.h"

namespace mm {

/// Of one optimizer step.
struct StepPlan {
  int64_t micro_batches = 1;
  double learning_rate = 0;
};

/// What is random in a forward pass, dropout and jitter, is a function of the seed and the number of the micro-batch.
void seed_dropout(const RunConfig& config, at::Device device, int64_t step, int64_t micro_batch);

class StepSource {
 public:
  virtual ~StepSource() = default;

  virtual int64_t total_steps() const = 0;
  /// `step`: updates done before it.
  virtual StepPlan plan(int64_t step) const = 0;
  /// The micro-batches of a step are asked for once each, in order.
  virtual Batch batch(int64_t step, int64_t micro_batch) = 0;
  /// What belongs to the last step behind its update.
  virtual void finish(StepResult&) {}
  /// Adds to the record of a step what only the source knows.
  virtual void describe(StepRecord&) {}
};

/// `train.steps` steps of `train.accumulation` micro-batches each, in the order of the loader, at the rate of the
/// schedule.
class ScheduledSteps final : public StepSource {
 public:
  ScheduledSteps(const RunConfig& config, BatchLoader& loader) : config_(config), loader_(loader) {}

  int64_t total_steps() const override { return *config_.train.steps; }
  StepPlan plan(int64_t step) const override;
  Batch batch(int64_t, int64_t) override { return loader_.next(); }

 private:
  const RunConfig& config_;
  BatchLoader& loader_;
};

}  // namespace mm
