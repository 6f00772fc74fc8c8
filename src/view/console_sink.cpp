// Wording and cadence of the console.
#include "view/console_sink.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/characters/visible_text.h"
#include "core/terminal/log.h"
#include "core/terminal/terminal.h"
#include "core/text.h"
#include "metrics/load_statistics.h"
#include "metrics/record_fields.h"
#include "view/expert_table.h"

namespace mm {
namespace {

bool due(int64_t step, int64_t every) {
  return every > 0 && step % every == 0;
}

std::string losses(const StepRecord& record) {
  std::string text = format("loss %.4f", record.loss);
  std::vector<std::string> auxiliary;
  if (record.aux_loss != 0) auxiliary.push_back(format("aux %.4f", record.aux_loss));
  if (record.z_loss != 0) auxiliary.push_back(format("z %.4f", record.z_loss));
  if (!auxiliary.empty()) text += " (" + join(auxiliary, ", ") + ")";
  return text;
}

std::string speed(const StepRecord& record) {
  return short_count(tokens_per_second(record), "tok/s");
}

std::string expert_shares(const ExpertLoad& load) {
  const LoadStatistics statistics = load_statistics(load);
  const int decimals = load.experts <= 16 ? 2 : 3;
  return format("experts %.*f..%.*f dead %lld", decimals, statistics.min_share, decimals, statistics.max_share,
                static_cast<long long>(statistics.dead));
}

/// `dropped 26%` of the (token, expert) pairs.
std::string dropped_words(const StepRecord& record) {
  return format("dropped %.1f%%", 100 * dropped_share(record));
}

}  // namespace

std::vector<std::string> step_parts(const StepRecord& record, double eta_seconds) {
  const long long percent = record.total_steps > 0 ? 100 * record.step / record.total_steps : 0;
  std::vector<std::string> parts;
  parts.push_back(format("step %6lld/%lld %2lld%%", static_cast<long long>(record.step),
                         static_cast<long long>(record.total_steps), percent));
  if (record.skipped) {
    parts.push_back(std::isfinite(record.loss) && std::isfinite(record.grad_norm)
                        ? "left out as a spike: nothing was changed"
                        : "skipped: loss or gradient not finite, nothing was changed");
  }
  parts.push_back(losses(record));
  for (const char* about : {"loss ", "data "}) {
    for (const std::string& alarm : record.standing) {
      if (alarm.starts_with(about)) parts.push_back(alarm);
    }
  }
  parts.push_back(format("norm %.2f", record.grad_norm));
  parts.push_back(format("lr %.2e", record.learning_rate));
  if (record.skipped && record.loss_scale != 1) parts.push_back(format("loss scale %g", record.loss_scale));
  if (record.seconds > 0) {
    parts.push_back(short_seconds(record.seconds));
    parts.push_back(speed(record));
  }
  if (record.mfu > 0) parts.push_back(format("mfu %.0f%%", 100 * record.mfu));
  parts.push_back("eta " + clock_time(eta_seconds));
  if (!record.load.empty()) {
    parts.push_back(expert_shares(record.load));
    if (record.dropped_tokens > 0) parts.push_back(dropped_words(record));
  }
  if (!record.verdict.empty()) parts.push_back("router " + record.verdict);
  return parts;
}

std::string step_line(const StepRecord& record, double eta_seconds) {
  return join(step_parts(record, eta_seconds), " | ");
}

std::string evaluation_line(const EvaluationRecord& record) {
  return format("validation at step %lld: loss %.4f, perplexity %s, %.3f bits/byte over %s tokens%s in %s%s",
                static_cast<long long>(record.step), record.loss,
                format(record.perplexity < 1e6 ? "%.1f" : "%.3g", record.perplexity).c_str(), record.bits_per_byte,
                with_commas(record.tokens).c_str(), record.best ? " (best so far)" : "",
                short_seconds(record.seconds).c_str(),
                record.average_loss > 0 ? format("; averaged weights: loss %.4f", record.average_loss).c_str() : "");
}

std::string sample_text(const SampleRecord& record) {
  return format("sample at step %lld, prompt \"%s\":\n", static_cast<long long>(record.step),
                terminal_text(record.prompt).c_str()) +
         terminal_text(record.prompt + record.text);
}

ConsoleSink::ConsoleSink(const MetricsConfig& config, bool watch)
    : config_(config), bars_(is_terminal() && locale_is_utf8()) {
  if (watch) panel_.emplace();
}

/// Counts the step, too.
double ConsoleSink::eta_behind(const StepRecord& record) {
  // A running mean over the first twenty steps, exponential after them. The second step replaces the first one, which
  // pays for warming up.
  ++steps_seen_;
  const double weight = std::max(0.05, 1.0 / static_cast<double>(std::max<int64_t>(1, steps_seen_ - 1)));
  smoothed_seconds_ += weight * (record.seconds - smoothed_seconds_);
  return smoothed_seconds_ * static_cast<double>(record.total_steps - record.step);
}

void ConsoleSink::remember(const StepRecord& record) {
  eta_behind(record);
  if (panel_) panel_->add(record);
}

void ConsoleSink::write(const StepRecord& record) {
  const bool last = record.step == record.total_steps;
  const double eta = eta_behind(record);
  const std::vector<std::string> parts = step_parts(record, eta);
  if (panel_) {
    panel_->add(record);
    show_panel(record, eta);
  } else {
    show_status(last ? "" : join(rows_of_parts(parts, terminal_size().columns - 1), "\n"));
  }
  if (due(record.step, config_.log_every) || steps_seen_ == 1 || last || record.skipped) log_fields(parts);
  if (!record.load.empty() && due(record.step, config_.experts_every)) {
    log_info(format("experts at step %lld: ", static_cast<long long>(record.step)) +
             expert_table(record.load, record.standing, bars_));
  }
}

void ConsoleSink::show_panel(const StepRecord& record, double eta_seconds) {
  constexpr auto kLeastTime = std::chrono::milliseconds(200);  // more often is more than an eye and an ssh can follow
  const auto now = std::chrono::steady_clock::now();
  if (steps_seen_ > 1 && now - panel_shown_ < kLeastTime) return;
  panel_shown_ = now;
  std::vector<std::string> progress = step_parts(record, eta_seconds);
  if (record.memory_bytes > 0) progress.push_back("mem " + short_bytes(static_cast<double>(record.memory_bytes)));
  show_status(panel_->draw(progress, {terminal_size(), terminal_colours(), locale_is_utf8()}));
}

void ConsoleSink::write(const EvaluationRecord& record) {
  log_info(evaluation_line(record));
}

void ConsoleSink::write(const SampleRecord& record) {
  if (panel_) panel_->add(record);
  log_info(sample_text(record));
}

void ConsoleSink::write_events(std::span<const EventRecord> events) {
  constexpr size_t kMostAtOnce = 8;
  for (const EventRecord& event : events.first(std::min(events.size(), kMostAtOnce))) {
    std::string text = format("step %lld: ", static_cast<long long>(event.step)) + event.text;
    if (!event.cause.empty() && explained_.insert(event.name).second) {
      text += "\n  likely cause: " + event.cause + "\n  remedy: " + event.remedy;
    }
    if (event.type == "alarm") {
      log_warning(text);
    } else {
      log_info(text);
    }
  }
  if (events.size() <= kMostAtOnce) return;
  const std::span<const EventRecord> left = events.subspan(kMostAtOnce);
  const auto alarms = std::count_if(left.begin(), left.end(), [](const auto& event) { return event.type == "alarm"; });
  log_info(format("and %zu more in metrics.jsonl, %td of them alarms", left.size(), alarms));
}

}  // namespace mm
