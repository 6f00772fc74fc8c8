// A sequence costs the same in a micro-batch of any size that keeps the device busy.
#include "run/trial/step_cost.h"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <vector>

#include "model/parameters/count.h"
#include "ops/cpu/caching_allocator.h"
#include "run/trial/timed_model.h"
#include "train/router/probe_batch.h"

namespace mm {
namespace {

constexpr double kSecondsOfMicroBatch = 2, kSecondsInAll = 6, kShareOfRate = 0.5;
constexpr int kMostMicroBatches = 12;
/// Of a run besides: pages of its text, samples, records, what a checkpoint is written with. Measured: 10 to 20 MiB.
constexpr double kSmallThings = 16 << 20;

/// Sequences of a micro-batch that takes a moment: the run's, halved as often as that takes. Blocks of memory are
/// rounded up by the same share for a tensor and for its half, so that what a half takes tells what the whole will.
int64_t timed_sequences(const RunConfig& config, const DeviceSetup& setup) {
  const double rate = kShareOfRate * measure_gemm_rate(setup.device, setup.compute_type);
  give_back_cached_memory(setup.device);
  const double flops =
      flops_per_token(config.model, config.data.sequence_length) * static_cast<double>(config.data.sequence_length);
  const double most = std::max(2.0, kSecondsOfMicroBatch * rate / flops);
  int64_t sequences = config.train.micro_batch;
  while (static_cast<double>(sequences) > most) sequences = (sequences + 1) / 2;
  return sequences;
}

/// A model with a clock and a meter on it.
class MeasuredModel {
 public:
  MeasuredModel(const RunConfig& config, const DeviceSetup& setup) : setup_(setup), model_(config, setup) {}

  /// Since this was made.
  double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

  void step(int64_t sequences) {
    model_.take_batch_of(sequences);
    model_.begin(1);
    const TimedModel::Passes passes = model_.train_micro_batch();
    forward_.push_back(passes.forward_seconds / static_cast<double>(sequences));
    backward_.push_back(passes.backward_seconds / static_cast<double>(sequences));
    update_.push_back(model_.update());
  }

  /// Bytes that a step of so many sequences takes, the model's own among them.
  double peak_of(int64_t sequences) {
    step(sequences);
    restart_peak_memory(setup_.device);
    return peak_with(sequences);
  }
  /// The same for all steps since the last peak_of(), and one of so many sequences.
  double peak_with(int64_t sequences) {
    step(sequences);
    return static_cast<double>(peak_memory_in_use(setup_.device));
  }

  void time_steps(int64_t sequences) {
    forward_.clear();
    backward_.clear();
    update_.clear();
    const double begin = seconds();
    do {
      step(sequences);
    } while (seconds() - begin < kSecondsInAll && forward_.size() < kMostMicroBatches);
  }
  double forward_seconds() const { return median(forward_); }
  double backward_seconds() const { return median(backward_); }
  double update_seconds() const { return median(update_); }

  /// Bytes of this process besides its large tensors; on a GPU, where they are not in this process, 0.
  double memory_around() const {
    return setup_.device.is_cpu() ? static_cast<double>(memory_in_use(setup_.device) - cpu::held_bytes()) : 0;
  }

 private:
  using Clock = std::chrono::steady_clock;

  Clock::time_point begin_ = Clock::now();
  const DeviceSetup& setup_;
  TimedModel model_;
  std::vector<double> forward_, backward_, update_;
};

/// What the measures of the router take besides: their sequences are fewer, for which other blocks of memory are
/// cached, and the weights of the experts are kept meanwhile.
double probe_bytes(const RunConfig& config, MeasuredModel& model, double without) {
  if (!config.model.is_moe() || config.metrics.router_every == 0) return 0;
  const MoeConfig& moe = config.model.moe;
  const int64_t weights =
      config.model.moe_layers() * moe.num_experts * 3 * config.model.hidden_size * config.model.expert_width();
  return model.peak_with(probe_sequences(config)) - without + 4.0 * static_cast<double>(weights);
}

}  // namespace

StepCost measure_step(const RunConfig& config, const DeviceSetup& setup) {
  const int64_t whole = config.train.micro_batch, timed = timed_sequences(config, setup);
  const int64_t half = std::max<int64_t>(timed / 2, 1);
  MeasuredModel model(config, setup);
  StepCost cost;
  cost.start_seconds = model.seconds();
  const double less = model.peak_of(half), more = model.peak_of(timed);
  const double of_one = timed > half ? (more - less) / static_cast<double>(timed - half) : 0;
  cost.memory = forecast_memory(config, setup.compute_type != at::kFloat);
  cost.memory.activations =
      more + static_cast<double>(whole - timed) * of_one + probe_bytes(config, model, more) - cost.memory.weights;
  cost.memory.program = model.memory_around() + (setup.device.is_cpu() ? kSmallThings : 0);
  model.time_steps(timed);
  cost.forward_seconds = model.forward_seconds();
  cost.backward_seconds = model.backward_seconds();
  cost.update_seconds = model.update_seconds();
  return cost;
}

double run_seconds(const RunConfig& config, const StepCost& cost, int64_t steps) {
  const auto sequence_length = static_cast<double>(config.data.sequence_length);
  double seconds =
      cost.start_seconds + static_cast<double>(steps) * (static_cast<double>(config.sequences_per_step()) *
                                                             (cost.forward_seconds + cost.backward_seconds) +
                                                         cost.update_seconds);
  const bool holds_out = !config.data.validation.empty() || config.data.validation_fraction > 0;
  if (holds_out && config.evaluation.every > 0) {
    const int64_t evaluations = (steps + config.evaluation.every - 1) / config.evaluation.every;
    const double sequences = std::ceil(static_cast<double>(config.evaluation.tokens) / sequence_length);
    seconds += static_cast<double>(evaluations) * sequences * cost.forward_seconds;
  }
  if (config.model.is_moe() && config.metrics.router_every > 0) {
    // One forward pass and the gradients of two losses, over about a thousand tokens.
    const auto sequences = static_cast<double>(probe_sequences(config));
    const auto measures = static_cast<double>(1 + steps / config.metrics.router_every);
    seconds += measures * sequences * (cost.forward_seconds + 2 * cost.backward_seconds);
  }
  return seconds;
}

}  // namespace mm
