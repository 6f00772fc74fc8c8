// `micro_steps.jsonl`: every micro-step of a replay, to be laid over the log of MiniMind's own trainer.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/record.h"
#include "metrics/record_file.h"

namespace mm {

/// One line a micro-step: `micro_step` (from 1), `epoch` and `step` as the trainer counts, `loss` = `ce` + `aux` before
/// the division by the accumulation, `lr`, `rows` of the data, and `update`: null, or {`number`, `micro_batches`,
/// `grad_norm` before clipping, `lr`} where the optimizer stepped after it.
class MicroStepSink : public MetricSink {
 public:
  /// Continues the file in `run_folder` (which exists) after `last_micro_step`; 0 starts it anew. Throws
  /// Error(kStorage).
  MicroStepSink(const std::string& run_folder, int64_t last_micro_step);

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord&) override {}
  void write(const SampleRecord&) override {}
  bool is_part_of_the_run() const override { return true; }
  void sync() override { file_.sync(); }

 private:
  RecordFile file_;
};

}  // namespace mm
