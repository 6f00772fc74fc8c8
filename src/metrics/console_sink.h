// What a person at the terminal, or reading the log later, sees of a run.
#pragma once

#include <cstdint>
#include <string>

#include "metrics/metrics_config.h"
#include "metrics/record.h"

namespace mm {

/// The progress line. Left out when they say nothing: the auxiliary losses when 0, tok/s of an untimed step, MFU when
/// unknown, the experts of a dense model. The two expert shares are the lowest and the highest of all layers.
std::string step_line(const StepRecord& record, double eta_seconds);

/// `validation at step 200: loss 4.1234, perplexity 61.8, 1.712 bits/byte over 65,536 tokens (best so far) in 1.20 s`
std::string evaluation_line(const EvaluationRecord& record);

/// A heading with the prompt, then prompt and continuation. Newlines and tabs stay, other control characters and bytes
/// that are not UTF-8 become `\x1b`: what a model writes cannot steer a terminal.
std::string sample_text(const SampleRecord& record);

/// On a terminal every step redraws the live line; the log gets a line every `log_every` steps, for the first step
/// seen, the last of the run and every skipped one, and the expert table every `experts_every` steps.
class ConsoleSink : public MetricSink {
 public:
  explicit ConsoleSink(const MetricsConfig& config);

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord& record) override;
  void write(const SampleRecord& record) override;

 private:
  MetricsConfig config_;
  bool bars_;
  int64_t steps_seen_ = 0;
  double smoothed_seconds_ = 0;
};

}  // namespace mm
