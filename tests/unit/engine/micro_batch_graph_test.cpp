// On a GPU: steps whose micro-batches are captured and played are those whose ops are launched one by one, whatever
// comes between them.
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <gtest/gtest.h>

#include "engine/device/device.h"
#include "engine/training_step.h"
#include "tests/unit/model/small_model.h"

namespace mm {
namespace {

ModelConfig small_mixture() {
  ModelConfig config = small_config("moe");
  config.moe.n_shared_experts = 1;
  return resolved(config);
}

Batch batch_of(uint64_t seed, int64_t rows) {
  const at::Tensor ids = at::randint(0, 50, {rows, 24}, at::detail::createCPUGenerator(seed), at::kLong);
  return {ids.to(at::kCUDA), ids.roll(-1, 1).to(at::kCUDA), ids.numel()};
}

/// The parameters behind `steps` of two micro-batches, with a forward pass of another size after each, and now and then
/// a micro-batch of another size.
at::Tensor trained(const DeviceSetup& setup, int steps, bool capture) {
  const ModelConfig config = small_mixture();
  TrainedModel model(config, {}, setup.device, setup.compute_type);
  initialize(model.parameters, config, 7);
  model.parameters.refresh_shadow();
  TrainingStep training(config, {.accumulation = 2, .max_grad_norm = 1.0, .capture = capture}, model);
  for (int step = 0; step < steps; ++step) {
    training.begin(2);
    training.train(batch_of(2 * static_cast<uint64_t>(step), 4));
    training.train(batch_of(2 * static_cast<uint64_t>(step) + 1, step % 10 == 9 ? 3 : 4));
    training.finish_gradients();
    const StepResult result = training.update(1e-3);
    StepRecord record;
    result.read_into(record);
    EXPECT_FALSE(record.skipped) << "step " << step;
    const at::NoGradGuard no_gradients;
    model.model.forward(batch_of(1, 5).tokens_bt, /*training=*/false, {}, false);
  }
  EXPECT_EQ(training.is_captured(), capture);
  return model.parameters.master().cpu();
}

TEST(MicroBatchGraph, AHundredStepsAreTheSameToTheByte) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
  RunSection run;
  run.device = "cuda";
  const DeviceSetup setup = set_up_device(run, "bf16");
  EXPECT_TRUE(at::equal(trained(setup, 100, true), trained(setup, 100, false)));
}

}  // namespace
}  // namespace mm
