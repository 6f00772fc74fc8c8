// What the last steps were like, and what would lie far outside.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "engine/training_step.h"
#include "recipe/sections/spike_config.h"

namespace mm {

/// Losses and gradient norms are compared with the median of the steps before them, in robust standard deviations:
/// 1.4826 times the median of the distances from it (Hampel 1974), which a few spikes do not change. Norms are
/// compared by their logarithm. Plain numbers of the host, one step late: nothing waits for them.
class SpikeWatch {
 public:
  explicit SpikeWatch(const SpikeConfig& config) : config_(config) {}

  /// The largest loss and norm that are no spike; infinite while too few steps were seen.
  StepLimits limits() const;

  /// Those beyond which the step to come is not taken: the same where `spikes.policy` leaves spikes out, else none.
  StepLimits limits_of_updates() const;

  /// A step that changed the weights.
  void add(double loss, double grad_norm);

  /// As JSON, and back.
  std::string state() const;
  void restore(const std::string& state);

 private:
  SpikeConfig config_;
  std::deque<double> losses_, log_norms_;
};

}  // namespace mm
