// The same calls as a training step, on random tokens; phases are told apart by waiting for the device between them.
#include "run/bench.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randint.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/text.h"
#include "engine/device.h"
#include "engine/training_step.h"
#include "model/count.h"
#include "model/init.h"
#include "ops/cpu/caching_allocator.h"

namespace mm {
namespace {

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

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

struct Phases {
  double forward = 0, backward = 0, update = 0;
  double total() const { return forward + backward + update; }
};

}  // namespace

std::string bench(const RunConfig& config, int64_t steps) {
  cpu::use_caching_allocator();
  const DeviceSetup setup = set_up_device(config.run, config.train.precision);
  TrainedModel trained(config.model, config.optim, setup.device, setup.compute_type);
  initialize(trained.parameters, config.model, static_cast<uint64_t>(config.run.seed));
  TrainingStep training(
      config.model, {.accumulation = config.train.accumulation, .max_grad_norm = config.optim.max_grad_norm}, trained);

  const int64_t batch = config.train.micro_batch, time = config.data.sequence_length;
  auto generator = at::detail::createCPUGenerator(1);
  const at::Tensor tokens_bt =
      at::randint(config.model.vocab_size, {batch, time + 1}, generator, at::kLong).to(setup.device);
  const Batch made_up = {.tokens_bt = tokens_bt.slice(1, 0, time).contiguous(),
                         .targets_bt = tokens_bt.slice(1, 1, time + 1).contiguous(),
                         .targets = batch * time};

  const auto step = [&] {
    Phases phases;
    PhaseClock clock(setup.device);
    training.begin(config.train.accumulation);
    for (int64_t micro_batch = 0; micro_batch < config.train.accumulation; ++micro_batch) {
      const MicroBatchLosses losses = training.forward(made_up);
      phases.forward += clock.lap();
      training.backward(losses, made_up);
      phases.backward += clock.lap();
    }
    training.finish_gradients();
    training.update(config.optim.learning_rate);
    phases.update = clock.lap();
    return phases;
  };

  step();
  const double tokens = static_cast<double>(config.tokens_per_step());
  const double flops = flops_per_token(config.model, time) * tokens;
  std::vector<double> seconds, rates, shares, forward, backward, update;
  for (int64_t i = 0; i < steps; ++i) {
    const double before = measure_gemm_rate(setup.device, setup.compute_type);
    const Phases phases = step();
    const double rate = std::max(before, measure_gemm_rate(setup.device, setup.compute_type));
    seconds.push_back(phases.total());
    rates.push_back(rate);
    shares.push_back(flops / phases.total() / rate);
    forward.push_back(phases.forward / phases.total());
    backward.push_back(phases.backward / phases.total());
    update.push_back(phases.update / phases.total());
  }
  const ParameterCount count = count_parameters(config.model);
  return format("%s: %s parameters, %s active; %s; batch %lld x %lld x %lld, median of %lld steps\n",
                config.run.name.c_str(), with_commas(count.total).c_str(), with_commas(count.active).c_str(),
                setup.description.c_str(), static_cast<long long>(batch),
                static_cast<long long>(config.train.accumulation), static_cast<long long>(time),
                static_cast<long long>(steps)) +
         format("  step %s, %stok/s, model %sFLOP/s, GEMM of this device %sFLOP/s, share of it %.3f (%.3f..%.3f)\n",
                short_seconds(median(seconds)).c_str(), short_count(tokens / median(seconds)).c_str(),
                short_count(flops / median(seconds)).c_str(), short_count(median(rates)).c_str(), median(shares),
                *std::min_element(shares.begin(), shares.end()), *std::max_element(shares.begin(), shares.end())) +
         format("  forward %.1f%%, backward %.1f%%, norm and optimizer %.1f%%", 100 * median(forward),
                100 * median(backward), 100 * median(update));
}

}  // namespace mm
