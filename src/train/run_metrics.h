// What a run tells: records made of what its steps leave, and their way to the sinks.
#pragma once

#include <memory>
#include <vector>

#include "engine/device.h"
#include "engine/step_result.h"
#include "metrics/record.h"
#include "recipe/run_config.h"

namespace mm {

class RunMetrics {
 public:
  /// The arguments outlive it.
  RunMetrics(const RunConfig& config, const DeviceSetup& setup, std::vector<std::unique_ptr<MetricSink>>& sinks);

  /// Reads a step off the device: losses, counts, memory. The caller adds its place in the run.
  StepRecord read(const StepResult& result) const;
  /// The time that the step took, and what follows from it.
  void add_time(StepRecord& record, const StepResult& result, double seconds);

  void write(const StepRecord& record) const;
  void write(const EvaluationRecord& record) const;
  void write(const SampleRecord& record) const;
  void write(const RouterRecord& record) const;
  void write(const std::vector<EventRecord>& events) const;

 private:
  const RunConfig& config_;
  const DeviceSetup& setup_;
  std::vector<std::unique_ptr<MetricSink>>& sinks_;
  double flops_per_token_;
  double gemm_rate_;  ///< FLOP/s; 0: MFU is not told
};

}  // namespace mm
