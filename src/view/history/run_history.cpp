// One pass over each file, line by line, with simdjson.
#include "view/history/run_history.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <numeric>
#include <string_view>

#include "core/error.h"
#include "core/files/files.h"
#include "metrics/record_fields.h"
#include "view/history/file_lines.h"
#include "view/history/record_reader.h"
#include "view/history/thinning.h"

namespace mm {
namespace {

using simdjson::dom::element;

constexpr size_t kMostEvents = 500;

/// For read_numbers.
auto numbers_in(element record) {
  return [record](std::string_view key) -> std::optional<double> {
    element found;
    double number = 0;
    bool truth = false;
    if (record[key].get(found) != simdjson::SUCCESS) return std::nullopt;
    if (found.get(number) == simdjson::SUCCESS) return number;
    if (found.get(truth) == simdjson::SUCCESS) return truth ? 1 : 0;
    return found.is_null() ? std::optional(NAN) : std::nullopt;
  };
}

int64_t integer(element record, std::string_view key) {
  int64_t value = 0;
  return record[key].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string_view text(element record, std::string_view key) {
  std::string_view value;
  return record[key].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

/// Empty unless it is a list of numbers.
std::vector<double> list_of_numbers(element record, std::string_view key) {
  std::vector<double> values;
  simdjson::dom::array list;
  if (record[key].get(list) != simdjson::SUCCESS) return {};
  for (const element each : list) {
    double value = 0;
    if (each.get(value) != simdjson::SUCCESS) return {};
    values.push_back(value);
  }
  return values;
}

template <class Record>
void read_layers(element line, Record& record) {
  for (const LayerField<Record>& field : layer_fields<Record>()) {
    record.*field.values = list_of_numbers(line, field.key);
  }
}

void add_mean(Series& series, int64_t step, const std::vector<double>& values) {
  if (values.empty()) return;
  series.add(step, std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()));
}

/// Empty unless it is a table of counts.
ExpertLoad expert_load(element record) {
  ExpertLoad load;
  simdjson::dom::array layers;
  if (record[kExpertTokensKey].get(layers) != simdjson::SUCCESS) return {};
  load.first_layer = bounded_layer(integer(record, kFirstLayerKey));
  for (const element layer : layers) {
    simdjson::dom::array experts;
    if (layer.get(experts) != simdjson::SUCCESS) return {};
    for (const element expert : experts) {
      int64_t tokens = 0;
      constexpr int64_t kMost = int64_t{1} << 40;
      if (expert.get(tokens) != simdjson::SUCCESS || tokens < 0 || tokens > kMost) return {};
      load.tokens.push_back(tokens);
    }
    ++load.layers;
    const auto width = static_cast<int64_t>(experts.size());
    if (load.layers > 1 && width != load.experts) return {};
    load.experts = width;
  }
  return load.tokens.empty() ? ExpertLoad{} : load;
}

/// Calls `take` with the step and the object of each line that is a record.
void for_each_record(const std::string& path, int64_t& unreadable, const std::function<void(int64_t, element)>& take) {
  constexpr int64_t kLastStep = int64_t{1} << 48;
  simdjson::dom::parser parser;
  for_each_line(path, [&](std::string_view line) {
    element record;
    int64_t step = 0;
    const bool good = parser.parse(line.data(), line.size()).get(record) == simdjson::SUCCESS &&
                      record["step"].get(step) == simdjson::SUCCESS && step >= 0 && step <= kLastStep;
    if (good) {
      take(step, record);
    } else {
      ++unreadable;
    }
  });
}

/// `key` of a record, cut to what a page has room for.
std::string short_text(element record, std::string_view key) {
  constexpr size_t kMostBytes = 400;
  return std::string(text(record, key).substr(0, kMostBytes));
}

/// Records of steps are one for each, in order.
void count_step(RunHistory& run, int64_t step) {
  run.missing_steps += std::max<int64_t>(0, step - run.steps - 1);
  run.repeated_steps += step <= run.steps;
  run.steps = std::max(run.steps, step);
}

/// A curve that is a number of a step as it stands.
struct StepCurve {
  const NumberField<StepRecord>& field;
  Series RunHistory::*series;
};

std::span<const StepCurve> step_curves() {
  static const StepCurve kCurves[] = {
      {field_of(&StepRecord::loss), &RunHistory::loss},
      {field_of(&StepRecord::aux_loss), &RunHistory::aux_loss},
      {field_of(&StepRecord::z_loss), &RunHistory::z_loss},
      {field_of(&StepRecord::grad_norm), &RunHistory::grad_norm},
      {field_of(&StepRecord::learning_rate), &RunHistory::learning_rate},
      {field_of(&tokens_per_second), &RunHistory::tokens_per_second},
      {field_of(&StepRecord::mfu), &RunHistory::mfu},
  };
  return kCurves;
}

void add_curves(RunHistory& run, MetricFile file, int64_t step, element line) {
  for (const StepCurve& curve : step_curves()) {
    if (curve.field.file != file) continue;
    const std::optional<double> number = numbers_in(line)(curve.field.key);
    if (number && *number != curve.field.none) (run.*curve.series).add(step, *number);
  }
}

StepRecord step_of(MetricFile file, element line) {
  StepRecord record;
  read_numbers(file, numbers_in(line), record);
  return record;
}

void add_step(RunHistory& run, int64_t step, element line) {
  const StepRecord record = step_of(MetricFile::kMetrics, line);
  count_step(run, step);
  run.tokens = std::max(run.tokens, record.tokens_total);
  run.tokens_at.add(step, static_cast<double>(run.tokens));
  run.skipped_steps += record.skipped;
  run.verdict = short_text(line, kVerdictKey);
  add_curves(run, MetricFile::kMetrics, step, line);
  if (record.aux_loss_floor > 0) run.aux_loss_floor = record.aux_loss_floor;
  if (const auto dropped = numbers_in(line)(kDroppedKey); dropped && *dropped > 0) run.dropped.add(step, *dropped);
  const ExpertLoad load = expert_load(line);
  if (!load.empty()) run.load.add(step, load);
  RouterNumbers router;
  read_layers(line, router);
  add_mean(run.token_entropy, step, router.token_entropy);
}

void add_router(RunHistory& run, int64_t step, element line) {
  RouterRecord record;
  read_layers(line, record);
  add_mean(run.churn, step, record.churn);
  const std::vector<double>& gradients = record.gate_gradient_relative;
  if (gradients.empty()) return;
  run.gate_gradient.add(step, *std::min_element(gradients.begin(), gradients.end()));
  run.gate_gradient_most.add(step, *std::max_element(gradients.begin(), gradients.end()));
}

void add_evaluation(RunHistory& run, int64_t step, element line) {
  EvaluationRecord evaluation;
  evaluation.step = step;
  evaluation.loss = evaluation.perplexity = evaluation.bits_per_byte = NAN;
  read_numbers(MetricFile::kMetrics, numbers_in(line), evaluation);
  run.validation.add(step, evaluation.loss);
  if (evaluation.loss < (run.best ? run.best->loss : std::numeric_limits<double>::infinity())) run.best = evaluation;
}

EventRecord event_of(int64_t step, element record) {
  EventRecord event;
  event.step = step;
  event.type = short_text(record, "type");
  event.name = short_text(record, "name");
  event.state = short_text(record, "state");
  event.layer = integer(record, "layer");
  if (int64_t expert = 0; record["expert"].get(expert) == simdjson::SUCCESS) event.expert = expert;
  event.text = short_text(record, "text");
  event.cause = short_text(record, "cause");
  event.remedy = short_text(record, "remedy");
  return event;
}

void add_event(RunHistory& run, const EventRecord& event) {
  run.alarms.add(event);
  if (event.type == "alarm") return;
  if (run.events.size() < kMostEvents) {
    run.events.push_back({event.step, event.text});
  } else {
    ++run.more_events;
  }
}

/// `of_time`: the events of timing.jsonl.
void read_metrics(RunHistory& run, std::span<const EventRecord> of_time) {
  std::optional<int64_t> judged;  // the step whose alarms may still follow
  const auto add_events_of_time = [&](int64_t last) {
    for (; !of_time.empty() && of_time.front().step <= last; of_time = of_time.subspan(1)) {
      add_event(run, of_time.front());
    }
  };
  const auto end_step = [&] {
    if (!judged) return;
    add_events_of_time(*judged);
    run.alarms.end_step(*judged);
    judged.reset();
  };
  for_each_record(run.folder + "/metrics.jsonl", run.unreadable_lines, [&](int64_t step, element record) {
    const std::string_view type = text(record, "type");
    if (type == "alarm" || type == "event") return add_event(run, event_of(step, record));
    end_step();
    if (type == "step") judged = step;
    if (type == "step") add_step(run, step, record);
    if (type == "router") add_router(run, step, record);
    if (type == "evaluation") add_evaluation(run, step, record);
    if (type == "domains") run.add_domains(read_domains(simdjson::minify(record)));
    if (type == "sample") {
      run.samples.push_back(read_sample(simdjson::minify(record)));
    }
  });
  end_step();
  add_events_of_time(std::numeric_limits<int64_t>::max());
}

/// Returns the events in it.
std::vector<EventRecord> read_timing(RunHistory& run) {
  constexpr double kGib = 1 << 30;
  std::vector<EventRecord> events;
  for_each_record(run.folder + "/timing.jsonl", run.unreadable_lines, [&](int64_t step, element line) {
    const std::string_view type = text(line, "type");
    if (type == "alarm" || type == "event") events.push_back(event_of(step, line));
    if (type != "step") return;
    const StepRecord record = step_of(MetricFile::kTiming, line);
    if (record.seconds > 0) run.seconds += record.seconds;
    run.seconds_at.add(step, run.seconds);
    add_curves(run, MetricFile::kTiming, step, line);
    if (record.memory_bytes > 0) run.memory_gib.add(step, static_cast<double>(record.memory_bytes) / kGib);
  });
  return events;
}

/// A damaged file must not cost the rest of the report.
void read_domains(RunHistory& run, const HistoryLimits& limits) {
  const std::string path = run.folder + "/domains.json";
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return;
  try {
    DomainReport report = read_domain_report(path);
    thin_domains(report, path, limits.domain_items);
    run.domains = std::move(report);
  } catch (const Error& error) {
    run.domains_problem = error.what();
  }
}

/// `alarms.patience` -> `20`; nothing of what is no JSON object.
std::string read_if_there(const std::string& path) {
  return path_kind(path, ExitCode::kData) == PathKind::kFile ? read_file(path, ExitCode::kData) : "";
}

std::map<std::string, std::string> flat_settings(const std::string& text) {
  std::map<std::string, std::string> settings;
  const auto config = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!config.is_object()) return settings;
  const auto flat = config.flatten();
  for (const auto& [pointer, value] : flat.items()) {
    std::string key = pointer.substr(1);
    std::replace(key.begin(), key.end(), '/', '.');
    settings[key] = value.dump();
  }
  return settings;
}

}  // namespace

double RunHistory::setting(const std::string& key, double otherwise) const {
  const auto found = settings.find(key);
  if (found == settings.end()) return otherwise;
  double value = 0;
  const char* end = found->second.data() + found->second.size();
  const auto [stopped, problem] = std::from_chars(found->second.data(), end, value);
  return problem == std::errc() && stopped == end && std::isfinite(value) ? value : otherwise;
}

std::string RunHistory::field_of_curve(const Series& curve) const {
  for (const StepCurve& each : step_curves()) {
    if (&(this->*each.series) == &curve) return std::string("step.") + each.field.key;
  }
  if (&curve == &dropped) return std::string("step.") + kDroppedKey;
  if (&curve == &validation) return std::string("evaluation.") + key_of(&EvaluationRecord::loss);
  return "";
}

RunHistory::RunHistory(std::string run_folder, const HistoryLimits& limits)
    : folder(std::move(run_folder)),
      loss(limits.buckets),
      aux_loss(limits.buckets),
      z_loss(limits.buckets),
      grad_norm(limits.buckets),
      learning_rate(limits.buckets),
      validation(limits.buckets),
      tokens_per_second(limits.buckets),
      mfu(limits.buckets),
      memory_gib(limits.buckets),
      dropped(limits.buckets),
      tokens_at(limits.buckets),
      seconds_at(limits.buckets),
      token_entropy(limits.buckets),
      churn(limits.buckets),
      gate_gradient(limits.buckets),
      gate_gradient_most(limits.buckets),
      load(limits.load_cells, limits.buckets),
      alarms(limits.buckets) {}

void RunHistory::add_domains(DomainsRecord record) {
  constexpr size_t kMost = 24;
  const bool fits = domains_over_time.empty() || (domains_over_time.back().domains == record.domains &&
                                                  domains_over_time.back().layers == record.layers &&
                                                  domains_over_time.back().first_layer == record.first_layer &&
                                                  domains_over_time.back().experts == record.experts);
  if (record.domains.empty() || !fits) return;
  domains_over_time.push_back(std::move(record));
  if (domains_over_time.size() <= kMost) return;
  // Every other one goes, but never the last.
  size_t kept = 0;
  for (size_t i = domains_over_time.size() % 2 == 0 ? 1 : 0; i < domains_over_time.size(); i += 2) {
    std::swap(domains_over_time[kept++], domains_over_time[i]);
  }
  domains_over_time.resize(kept);
}

RunHistory read_run_history(const std::string& folder, const HistoryLimits& limits) {
  if (path_kind(folder, ExitCode::kData) != PathKind::kFolder) {
    throw Error(ExitCode::kData, got_want(folder, "no folder there", "the folder of a run, such as output/quickstart"));
  }
  const std::string config = read_if_there(folder + "/config.json");
  RunHistory run(folder, limits);
  read_metrics(run, read_timing(run));
  run.log = read_log_history(folder + "/train.log");
  read_domains(run, limits);
  thin_samples(run.samples, limits.text_bytes);
  run.config = config.substr(0, limits.text_bytes);
  run.settings = flat_settings(run.config);
  run.data = flat_settings(read_if_there(folder + "/data.json"));
  return run;
}

void join_curves(RunHistory& run, const RunHistory& other) {
  constexpr Series RunHistory::*kCurves[] = {&RunHistory::loss,          &RunHistory::aux_loss,
                                             &RunHistory::z_loss,        &RunHistory::grad_norm,
                                             &RunHistory::learning_rate, &RunHistory::validation,
                                             &RunHistory::mfu,           &RunHistory::memory_gib,
                                             &RunHistory::dropped,       &RunHistory::tokens_per_second,
                                             &RunHistory::tokens_at,     &RunHistory::seconds_at,
                                             &RunHistory::churn,         &RunHistory::token_entropy,
                                             &RunHistory::gate_gradient, &RunHistory::gate_gradient_most};
  for (Series RunHistory::*const curve : kCurves) (run.*curve).join(other.*curve);
  run.load.max_over_mean.join(other.load.max_over_mean);
  run.steps = std::max(run.steps, other.steps);
}

}  // namespace mm
