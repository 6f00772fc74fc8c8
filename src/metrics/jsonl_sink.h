// The run's numbers as files: metrics.jsonl holds what the mathematics gave, timing.jsonl how long it took.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/record.h"
#include "metrics/record_file.h"

namespace mm {

/// One line a record, each with `type` ("step", "router", "alarm", "event", "evaluation", "sample") and `step`.
///
/// `metrics.jsonl` says nothing of time, so that a resumed run and an uninterrupted one write the same bytes: alarms
/// that are about time stand in `timing.jsonl`.
/// docs/metrics.md defines every key. Numbers read back to the same double; NaN and infinities, which JSON lacks, are
/// null.
class JsonlSink : public MetricSink {
 public:
  /// Continues both files of `run_folder` (which exists) after the records of `resume_step`; 0 starts them anew.
  /// Says in one log line what it had to cut off. Throws Error(kStorage).
  ///   undone  types of records that will be written again for `resume_step` (RecordFile)
  JsonlSink(const std::string& run_folder, int64_t resume_step, const std::vector<std::string>& undone = {});

  /// The step of the last record of an earlier start in metrics.jsonl; 0: none.
  int64_t last_step() const { return metrics_.last_step(); }

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord& record) override;
  void write(const SampleRecord& record) override;
  void write_router(const RouterRecord& record) override;
  void write_domains(const DomainsRecord& record) override;
  void write_save(const SaveRecord& record) override;
  void write_events(std::span<const EventRecord> events) override;
  void rewind(int64_t step) override;
  bool is_part_of_the_run() const override { return true; }
  void sync() override { metrics_.sync(); }

 private:
  /// timing.jsonl says nothing that the run needs: when it cannot be written, it ends there with a warning.
  void append_timing(const std::string& line);
  /// An alarm of time that stands is over: the run goes on elsewhere or later, and judges anew.
  void end_alarm_of_time(int64_t step);

  RecordFile metrics_;
  RecordFile timing_;
  bool timing_failed_ = false;
};

}  // namespace mm
