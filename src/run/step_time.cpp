// A sequence costs the same in a micro-batch of any size that keeps the device busy.
#include "run/step_time.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "model/count.h"
#include "run/timed_model.h"

namespace mm {
namespace {

constexpr double kSecondsOfMicroBatch = 3, kSecondsInAll = 8, kShareOfRate = 0.5;
constexpr int kMostMicroBatches = 12;

/// Sequences of a micro-batch that takes a moment.
int64_t timed_sequences(const RunConfig& config, const DeviceSetup& setup) {
  const double rate = kShareOfRate * measure_gemm_rate(setup.device, setup.compute_type);
  const double flops =
      flops_per_token(config.model, config.data.sequence_length) * static_cast<double>(config.data.sequence_length);
  return std::clamp<int64_t>(std::llround(kSecondsOfMicroBatch * rate / flops), 1, config.train.micro_batch);
}

}  // namespace

StepTime time_step(const RunConfig& config, const DeviceSetup& setup) {
  const int64_t sequences = timed_sequences(config, setup);
  TimedModel model(config, setup, sequences);
  const auto step = [&](std::vector<double>& forward, std::vector<double>& backward) {
    model.begin(1);
    const TimedModel::Passes passes = model.train_micro_batch();
    forward.push_back(passes.forward_seconds / static_cast<double>(sequences));
    backward.push_back(passes.backward_seconds / static_cast<double>(sequences));
    return model.update();
  };
  std::vector<double> forward, backward, update;
  step(forward, backward);  // memory is touched for the first time
  forward.clear();
  backward.clear();
  const auto begin = std::chrono::steady_clock::now();
  const auto seconds = [&] { return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count(); };
  do {
    update.push_back(step(forward, backward));
  } while (seconds() < kSecondsInAll && forward.size() < kMostMicroBatches);
  return {median(forward), median(backward), median(update)};
}

double run_seconds(const RunConfig& config, const StepTime& time, int64_t steps) {
  const auto sequence_length = static_cast<double>(config.data.sequence_length);
  double seconds = static_cast<double>(steps) *
                   (static_cast<double>(config.sequences_per_step()) * (time.forward_seconds + time.backward_seconds) +
                    time.update_seconds);
  const bool holds_out = !config.data.validation.empty() || config.data.validation_fraction > 0;
  if (holds_out && config.evaluation.every > 0) {
    const int64_t evaluations = (steps + config.evaluation.every - 1) / config.evaluation.every;
    const double sequences = std::ceil(static_cast<double>(config.evaluation.tokens) / sequence_length);
    seconds += static_cast<double>(evaluations) * sequences * time.forward_seconds;
  }
  if (config.model.is_moe() && config.metrics.router_every > 0) {
    // One forward pass and the gradients of two losses, over about a thousand tokens.
    const double sequences = std::max(1.0, std::floor(1024 / sequence_length));
    const auto measures = static_cast<double>(1 + steps / config.metrics.router_every);
    seconds += measures * sequences * (time.forward_seconds + 2 * time.backward_seconds);
  }
  return seconds;
}

}  // namespace mm
