#include "train/step_source.h"

#include "optim/schedule.h"

namespace mm {

StepPlan ScheduledSteps::plan(int64_t step) const {
  const double factor = learning_rate_factor(step, config_.train.steps, config_.schedule);
  return {.micro_batches = config_.train.accumulation, .learning_rate = config_.optim.learning_rate * factor};
}

}  // namespace mm
