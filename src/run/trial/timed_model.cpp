// The same calls as a training step; phases are told apart by waiting for the device between them.
#include "run/trial/timed_model.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>

#include <algorithm>
#include <chrono>

#include "model/parameters/init.h"

namespace mm {
namespace {

/// Seconds since the last call, with all work of the device done.
class PhaseClock {
 public:
  explicit PhaseClock(at::Device device) : device_(device) { lap(); }
  double lap() {
    synchronize(device_);
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> elapsed = now - last_;
    last_ = now;
    return elapsed.count();
  }

 private:
  at::Device device_;
  std::chrono::steady_clock::time_point last_;
};

Batch made_up_batch(const RunConfig& config, at::Device device, int64_t sequences) {
  const int64_t time = config.data.sequence_length;
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor tokens_bt =
      at::randint(config.model.vocab_size, {sequences, time + 1}, generator, at::kLong).to(device);
  return {.tokens_bt = tokens_bt.slice(1, 0, time).contiguous(),
          .targets_bt = tokens_bt.slice(1, 1, time + 1).contiguous(),
          .targets = sequences * time};
}

}  // namespace

double median(std::vector<double> seconds) {
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

TimedModel::TimedModel(const RunConfig& config, const DeviceSetup& setup, const World& world)
    : config_(config),
      setup_(setup),
      trained_(config.model, config.optim, setup.device, setup.compute_type, world, shards_optimizer(config)),
      training_(config.model,
                {.accumulation = config.train.accumulation,
                 .max_grad_norm = config.optim.max_grad_norm,
                 .capture = captures(config, setup)},
                trained_) {
  initialize(trained_.parameters, config.model, static_cast<uint64_t>(config.run.seed));
}

void TimedModel::take_batch_of(int64_t sequences) {
  made_up_ = made_up_batch(config_, setup_.device, sequences);
}

TimedModel::Passes TimedModel::train_micro_batch() {
  PhaseClock clock(setup_.device);
  Passes passes;
  if (captures(config_, setup_)) {
    training_.train(made_up_);
    passes.backward_seconds = clock.lap();
    return passes;
  }
  const MicroBatchLosses losses = training_.forward(made_up_);
  passes.forward_seconds = clock.lap();
  training_.backward(losses, made_up_);
  passes.backward_seconds = clock.lap();
  return passes;
}

double TimedModel::combine() {
  PhaseClock clock(setup_.device);
  training_.combine();
  return clock.lap();
}

double TimedModel::update() {
  PhaseClock clock(setup_.device);
  training_.finish_gradients();
  training_.update(config_.optim.learning_rate);
  return clock.lap();
}

}  // namespace mm
