#include "app/gpu_probe/step_check.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>

#include "core/terminal/log.h"
#include "core/text.h"
#include "engine/training_step.h"
#include "model/parameters/init.h"
#include "ops/add_to.h"

namespace mm {
namespace {

struct Pass {
  double loss = 0;
  at::Tensor gradient;  ///< flat, fp32, on the host
};

Pass one_pass(const RunConfig& config, at::Device device, at::ScalarType type) {
  constexpr uint64_t kSeed = 7;
  Parameters parameters(config.model, device, type);
  initialize(parameters, config.model, kSeed);
  CausalLm model(config.model, parameters);
  const int64_t batch = config.train.micro_batch, time = config.data.sequence_length;
  const at::Tensor tokens_bt =
      at::randint(config.model.vocab_size, {batch, time + 1}, at::detail::createCPUGenerator(kSeed), at::kLong)
          .to(device);
  const Batch made_up = {.tokens_bt = tokens_bt.slice(1, 0, time).contiguous(),
                         .targets_bt = tokens_bt.slice(1, 1, time + 1).contiguous(),
                         .targets = batch * time};

  const MicroBatchLosses losses = micro_batch_losses(model, made_up);
  const at::Tensor loss = losses.loss_sum / static_cast<double>(losses.targets);
  at::Tensor objective = loss;
  add_to(objective, auxiliary_loss(losses.reports));
  const double scale = type == at::kHalf ? 1024 : 1;  // gradients of fp16 vanish without one
  (objective * scale).backward();
  return {loss.item<double>(), (parameters.gradient() / scale).cpu()};
}

/// Prints the line of one precision; whether it is near enough.
bool check_precision(const RunConfig& config, at::Device device, at::ScalarType type, const Pass& reference) {
  constexpr int kRepeats = 3;
  constexpr double kFp32Tolerance = 1e-3, kTolerance = 0.1;  // of the gradient's norm
  const std::string name = device.str() + " " + c10::toString(type);
  try {
    const Pass pass = one_pass(config, device, type);
    const double off = ((pass.gradient - reference.gradient).norm() / reference.gradient.norm()).item<double>();
    int same = 0;
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      same += at::equal(one_pass(config, device, type).gradient, pass.gradient);
    }
    const bool near = off < (type == at::kFloat ? kFp32Tolerance : kTolerance);
    log_info(format("%s: loss %.6f, gradient off by %.2e of its norm, the same bytes in %d of %d repeats%s",
                    name.c_str(), pass.loss, off, same, kRepeats, near ? "" : "; WRONG"));
    return near;
  } catch (const c10::Error& error) {
    log_info(name + ": failed: " + error.what_without_backtrace());
    return false;
  }
}

}  // namespace

bool check_step(const RunConfig& config, const DeviceSetup& setup) {
  const Pass reference = one_pass(config, at::kCPU, at::kFloat);
  log_info(
      format("cpu Float: loss %.6f, gradient norm %.6f", reference.loss, reference.gradient.norm().item<double>()));
  bool near = true;
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16, at::kHalf}) {
    near = check_precision(config, setup.device, type, reference) && near;
  }
  return near;
}

}  // namespace mm
