// Records as TensorBoard events.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/metrics_config.h"
#include "metrics/record.h"
#include "view/tensorboard/event_file.h"

namespace mm {

/// Writes below `tensorboard/` of the run's folder. Every step: losses, learning rate, gradient norm, speed and, of a
/// MoE model, the evenness of the load and how many alarms stand. Every `metrics.experts_every` steps: a heat map of
/// all experts' shares, one histogram of them per layer, and up to 64 experts in all as a scalar each. docs/report.md
/// lists the tags.
class TensorboardSink : public MetricSink {
 public:
  /// Continues the events of steps up to `resume_step`; 0 starts anew. Throws Error(kStorage).
  ///   config_json  of the run, which is told as text and to the HParams tab; empty: nothing is told of it
  TensorboardSink(const MetricsConfig& config, const std::string& run_folder, int64_t resume_step,
                  const std::string& config_json = "");

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord& record) override;
  void write(const SampleRecord& record) override;
  void write_domains(const DomainsRecord& record) override;
  void write_router(const RouterRecord& record) override;
  void write_events(std::span<const EventRecord> events) override;

 private:
  int64_t experts_every_;
  EventFile file_;
};

}  // namespace mm
