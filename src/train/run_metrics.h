// What a run tells: records made of what its steps leave, and their way to the sinks.
#pragma once

#include <memory>
#include <vector>

#include "engine/device/device.h"
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

  /// A sink that is no part of the run and cannot write is left out from then on, with a warning; another throws
  /// Error(kStorage).
  void write(const StepRecord& record);
  void write(const EvaluationRecord& record);
  void write(const SampleRecord& record);
  void write(const RouterRecord& record);
  void write(const DomainsRecord& record);
  void write(const std::vector<EventRecord>& events);
  void write(const SaveRecord& record);
  /// The run goes on behind an earlier step.
  void rewind(int64_t step);
  /// What was told survives a power cut from here on. May be called by another thread.
  void sync() const;

 private:
  /// Calls `tell(sink)` for each.
  template <class Tell>
  void for_each_sink(const Tell& tell);

  const RunConfig& config_;
  const DeviceSetup& setup_;
  std::vector<std::unique_ptr<MetricSink>>& sinks_;
  std::vector<MetricSink*> lasting_sinks_;  ///< those that are part of the run, which are never left out
  double flops_per_token_;
  double gemm_rate_;  ///< FLOP/s; 0: MFU is not told
};

}  // namespace mm
