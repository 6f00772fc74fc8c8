// A model that trains on made-up tokens, part by part and with a clock.
#pragma once

#include <vector>

#include "engine/device/device.h"
#include "engine/training_step.h"
#include "recipe/run_config.h"

namespace mm {

/// The middle one of some times, the later of two.
double median(std::vector<double> seconds);

class TimedModel {
 public:
  /// Takes the memory of a run's model. All arguments outlive it.
  ///   world  connected, where several ranks share the step
  TimedModel(const RunConfig& config, const DeviceSetup& setup, const World& world = World::alone());

  /// Makes up the tokens of a micro-batch, which is the one that the calls below train on.
  void take_batch_of(int64_t sequences);

  /// Of one micro-batch, all work of the device done. Both are the latter where they are one launch.
  struct Passes {
    double forward_seconds = 0;
    double backward_seconds = 0;
  };

  /// Begins a step of so many micro-batches.
  void begin(int64_t micro_batches) { training_.begin(micro_batches); }
  Passes train_micro_batch();
  bool is_captured() const { return training_.is_captured(); }
  /// Seconds of the sums over the ranks.
  double combine();
  /// Seconds of norm, clip and optimizer; in a world of ranks, also until each has the new weights.
  double update();

 private:
  const RunConfig& config_;
  const DeviceSetup& setup_;
  TrainedModel trained_;
  TrainingStep training_;
  Batch made_up_;
};

}  // namespace mm
