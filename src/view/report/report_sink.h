// The report of a run, kept up to date while it trains.
#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <string>

#include "metrics/metrics_config.h"
#include "metrics/record.h"

namespace mm {

/// Writes `<run_folder>/report.html`; where that fails, it warns.
void refresh_report(const std::string& run_folder);

/// Rewrites `report.html` in the run's folder every `metrics.report_every` minutes, in a thread of its own, from the
/// files that other sinks have written; and once more when it is destroyed, however the run ended. A report that cannot
/// be written is a warning: it must not end a run.
class ReportSink : public MetricSink {
 public:
  ReportSink(const MetricsConfig& config, std::string run_folder);
  ~ReportSink() override;
  ReportSink(const ReportSink&) = delete;
  ReportSink& operator=(const ReportSink&) = delete;

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord&) override {}
  void write(const SampleRecord&) override {}

 private:
  using Clock = std::chrono::steady_clock;

  std::string run_folder_;
  std::chrono::minutes period_;
  Clock::time_point written_ = Clock::now();
  std::future<void> writing_;
};

}  // namespace mm
