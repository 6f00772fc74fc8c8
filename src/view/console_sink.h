// What a person at the terminal, or reading the log later, sees of a run.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "metrics/metrics_config.h"
#include "metrics/record.h"
#include "view/expert_panel.h"

namespace mm {

/// The progress line. Left out when they say nothing: the auxiliary losses when 0, tok/s of an untimed step, MFU when
/// unknown, the experts of a dense model. The two expert shares are the lowest and the highest of all layers.
std::string step_line(const StepRecord& record, double eta_seconds);
/// What stands between its bars.
std::vector<std::string> step_parts(const StepRecord& record, double eta_seconds);

/// `validation at step 200: loss 4.1234, perplexity 61.8, 1.712 bits/byte over 65,536 tokens (best so far) in 1.20 s`
std::string evaluation_line(const EvaluationRecord& record);

/// A heading with the prompt, then prompt and continuation. Newlines and tabs stay, other control characters and bytes
/// that are not UTF-8 become `\x1b`: what a model writes cannot steer a terminal.
std::string sample_text(const SampleRecord& record);

/// On a terminal every step redraws the live line; the log gets a line every `log_every` steps, for the first step
/// seen, the last of the run and every skipped one, and the expert table every `experts_every` steps. Told to `watch`,
/// it draws the expert panel in place of the live line, at most five times a second.
class ConsoleSink : public MetricSink {
 public:
  explicit ConsoleSink(const MetricsConfig& config, bool watch = false);

  /// Takes a step into the panel and the time of a step, and shows nothing: what was before somebody looked.
  void remember(const StepRecord& record);

  void write(const StepRecord& record) override;
  void write(const EvaluationRecord& record) override;
  void write(const SampleRecord& record) override;
  /// Alarms as warnings, with cause and remedy where this alarm is the first of its name. At most eight events at once;
  /// of more it says how many, and how many of them are alarms.
  void write_events(std::span<const EventRecord> events) override;

 private:
  double eta_behind(const StepRecord& record);
  void show_panel(const StepRecord& record, double eta_seconds);

  MetricsConfig config_;
  bool bars_;
  int64_t steps_seen_ = 0;
  double smoothed_seconds_ = 0;
  std::set<std::string> explained_;  ///< alarms whose cause was told
  std::optional<ExpertPanel> panel_;
  std::chrono::steady_clock::time_point panel_shown_;
};

}  // namespace mm
