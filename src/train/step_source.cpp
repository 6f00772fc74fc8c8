#include "train/step_source.h"

#include "core/random.h"
#include "engine/device/device.h"
#include "optim/schedule.h"

namespace mm {

void seed_dropout(const RunConfig& config, at::Device device, int64_t step, int64_t micro_batch) {
  if (!config.model.is_random_in_training()) return;
  const auto index = static_cast<uint64_t>(step * config.train.accumulation + micro_batch);
  seed_device(device, derive_seed(static_cast<uint64_t>(config.run.seed), "dropout", index));
}

StepPlan ScheduledSteps::plan(int64_t step) const {
  const double factor = learning_rate_factor(step, *config_.train.steps, config_.schedule);
  return {.micro_batches = config_.train.accumulation, .learning_rate = config_.optim.learning_rate * factor};
}

}  // namespace mm
