// Whether the loss of a run does what the loss of a run that learns does. That is no alarm yet: AlarmWatch has
// patience.
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "metrics/alarms/alarm.h"
#include "metrics/alarms/alarm_config.h"

namespace mm {

/// Keeps an exponential mean of the training loss, and the variance of its noise, over some 32 steps. A loss far above
/// them counts only as far as the threshold: what is a spike for one step must not become the trend at once, a new
/// level becomes one slowly.
class LossWatch {
 public:
  using Holding = std::map<AlarmKind, double>;  ///< what holds now, with the value that was judged

  /// `vocab_size` gives what guessing costs, its logarithm; 0: that is not known, and nothing is judged by it.
  LossWatch(const AlarmConfig& config, int64_t vocab_size);

  /// Of a step that was not skipped. In nats per token.
  Holding observe(double loss);
  /// Of an evaluation.
  Holding observe_validation(double loss);

  /// What the last value was judged by.
  double threshold(AlarmKind kind) const;

  /// Everything it remembers, as JSON.
  std::string state() const;
  /// Throws nlohmann::json::exception when it is none.
  void restore(const std::string& state);

 private:
  double deviation() const;
  void learn(double loss);

  double spike_deviations_, gap_;
  double guessing_;  ///< nats per token; 0: unknown
  int64_t steps_ = 0;
  double mean_ = 0, variance_ = 0, last_ = 0;
  double start_ = 0;          ///< mean of the first steps
  bool has_learned_ = false;  ///< it was below guessing once
  double best_validation_ = 0;
  int64_t evaluations_ = 0;
};

}  // namespace mm
