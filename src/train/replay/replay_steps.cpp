#include "train/replay/replay_steps.h"

#include <ATen/core/grad_mode.h>

#include "engine/training_step.h"

namespace mm {

StepPlan ReplaySteps::plan(int64_t step) const {
  const std::span<const ReplayMicroStep> micro_steps = replay_.plan().of_update(step);
  return {.micro_batches = std::ssize(micro_steps), .learning_rate = micro_steps.back().learning_rate};
}

Batch ReplaySteps::batch(int64_t step, int64_t micro_batch) {
  return batch_of(replay_.plan().of_update(step)[static_cast<size_t>(micro_batch)]);
}

void ReplaySteps::finish(StepResult& result) {
  const at::NoGradGuard no_gradients;
  for (const ReplayMicroStep& micro_step : replay_.plan().lost()) {
    const MicroBatchLosses losses = micro_batch_losses(model_, batch_of(micro_step));
    result.micro_steps.push_back({losses.loss_sum, losses.reports.balance_loss, losses.targets});
  }
}

}  // namespace mm
