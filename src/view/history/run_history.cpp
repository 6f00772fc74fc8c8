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
#include "core/files.h"
#include "view/history/file_lines.h"
#include "view/history/record_reader.h"

namespace mm {
namespace {

using simdjson::dom::element;

constexpr size_t kMostEvents = 500;

double number(element record, std::string_view key) {
  double value = 0;
  return record[key].get(value) == simdjson::SUCCESS ? value : std::numeric_limits<double>::quiet_NaN();
}

int64_t integer(element record, std::string_view key) {
  int64_t value = 0;
  return record[key].get(value) == simdjson::SUCCESS ? value : 0;
}

std::string_view text(element record, std::string_view key) {
  std::string_view value;
  return record[key].get(value) == simdjson::SUCCESS ? value : std::string_view();
}

bool is_true(element record, std::string_view key) {
  bool value = false;
  return record[key].get(value) == simdjson::SUCCESS && value;
}

/// Empty unless it is a list of numbers.
std::vector<double> numbers(element record, std::string_view key) {
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

void add_mean(Series& series, int64_t step, const std::vector<double>& values) {
  if (values.empty()) return;
  series.add(step, std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size()));
}

/// Empty unless it is a table of counts.
ExpertLoad expert_load(element record) {
  ExpertLoad load;
  simdjson::dom::array layers;
  if (record["expert_tokens"].get(layers) != simdjson::SUCCESS) return {};
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

void add_step(RunHistory& run, int64_t step, element record) {
  count_step(run, step);
  run.tokens = std::max(run.tokens, integer(record, "tokens_total"));
  run.tokens_at.add(step, static_cast<double>(run.tokens));
  run.skipped_steps += is_true(record, "skipped");
  run.verdict = short_text(record, "verdict");
  run.loss.add(step, number(record, "loss"));
  // 0 is what a loss that is not used is written as.
  if (const double aux = number(record, "aux_loss"); aux != 0) run.aux_loss.add(step, aux);
  if (const double z = number(record, "z_loss"); z != 0) run.z_loss.add(step, z);
  if (const double floor = number(record, "aux_loss_floor"); floor > 0) run.aux_loss_floor = floor;
  if (const double dropped = number(record, "dropped"); dropped > 0) run.dropped.add(step, dropped);
  run.grad_norm.add(step, number(record, "grad_norm"));
  run.learning_rate.add(step, number(record, "learning_rate"));
  const ExpertLoad load = expert_load(record);
  if (!load.empty()) run.load.add(step, load);
  add_mean(run.token_entropy, step, numbers(record, "token_entropy"));
}

void add_router(RunHistory& run, int64_t step, element record) {
  add_mean(run.churn, step, numbers(record, "churn"));
  const std::vector<double> gradients = numbers(record, "gate_gradient_relative");
  if (gradients.empty()) return;
  run.gate_gradient.add(step, *std::min_element(gradients.begin(), gradients.end()));
  run.gate_gradient_most.add(step, *std::max_element(gradients.begin(), gradients.end()));
}

void add_evaluation(RunHistory& run, int64_t step, element record) {
  EvaluationRecord evaluation;
  evaluation.step = step;
  evaluation.loss = number(record, "loss");
  evaluation.perplexity = number(record, "perplexity");
  evaluation.bits_per_byte = number(record, "bits_per_byte");
  run.validation.add(step, evaluation.loss);
  if (evaluation.loss < (run.best ? run.best->loss : std::numeric_limits<double>::infinity())) run.best = evaluation;
}

void add_event(RunHistory& run, int64_t step, element record) {
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
  run.alarms.add(event);
  if (event.type == "alarm") return;
  if (run.events.size() < kMostEvents) {
    run.events.push_back({step, event.text});
  } else {
    ++run.more_events;
  }
}

void read_metrics(RunHistory& run) {
  std::optional<int64_t> judged;  // the step whose alarms may still follow
  const auto end_step = [&] {
    if (judged) run.alarms.end_step(*judged);
    judged.reset();
  };
  for_each_record(run.folder + "/metrics.jsonl", run.unreadable_lines, [&](int64_t step, element record) {
    const std::string_view type = text(record, "type");
    if (type == "alarm" || type == "event") return add_event(run, step, record);
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
}

void read_timing(RunHistory& run) {
  constexpr double kGib = 1 << 30;
  for_each_record(run.folder + "/timing.jsonl", run.unreadable_lines, [&](int64_t step, element record) {
    if (text(record, "type") != "step") return;
    const double seconds = number(record, "seconds"), mfu = number(record, "mfu");
    if (seconds > 0) run.seconds += seconds;
    run.seconds_at.add(step, run.seconds);
    run.tokens_per_second.add(step, number(record, "tokens_per_second"));
    if (mfu > 0) run.mfu.add(step, mfu);
    if (const double bytes = number(record, "memory_bytes"); bytes > 0) run.memory_gib.add(step, bytes / kGib);
  });
}

/// Leaves samples of about a dozen steps, the first and the last among them, and cuts long texts.
void thin_samples(std::vector<SampleRecord>& samples, size_t most_bytes) {
  constexpr size_t kMostSteps = 12;
  std::vector<int64_t> steps;
  for (const SampleRecord& sample : samples) {
    if (steps.empty() || steps.back() != sample.step) steps.push_back(sample.step);
  }
  std::vector<int64_t> kept;
  const size_t count = std::min(kMostSteps, steps.size());
  for (size_t i = 0; i < count; ++i) kept.push_back(steps[count == 1 ? 0 : i * (steps.size() - 1) / (count - 1)]);
  std::erase_if(samples, [&](const SampleRecord& sample) {
    return std::find(kept.begin(), kept.end(), sample.step) == kept.end();
  });
  const size_t most_each = most_bytes / std::max<size_t>(samples.size(), 1);
  for (SampleRecord& sample : samples) {
    for (std::string* part : {&sample.prompt, &sample.text}) part->resize(std::min(part->size(), most_each / 2));
  }
}

/// Cuts a text to what a page has room for.
void cut(std::string& text, size_t most_bytes = 48) {
  if (text.size() > most_bytes) text.resize(most_bytes);
}

/// Leaves the cells and tokens of as many layers as the limit allows.
void thin_domains(DomainReport& report, const std::string& path, size_t most_items) {
  size_t items = report.domains.size() + report.layers.size();
  if (items > most_items / 4) {
    throw Error(ExitCode::kData, got_want(path, std::to_string(items) + " domains and layers",
                                          "at most " + std::to_string(most_items / 4) + " on one page"));
  }
  cut(report.text);
  cut(report.weights, 400);
  for (DomainLoss& domain : report.domains) cut(domain.name);
  for (LayerDomains& layer : report.layers) {
    items += layer.expert_tokens.counts.size();
    for (std::vector<TypicalToken>& tokens : layer.typical) {
      items += 1 + tokens.size();
      for (TypicalToken& token : tokens) cut(token.text);
    }
    if (items <= most_items) continue;
    layer.expert_tokens.counts.clear();
    layer.typical.clear();
  }
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
  const std::string config_path = folder + "/config.json";
  const std::string config =
      path_kind(config_path, ExitCode::kData) == PathKind::kFile ? read_file(config_path, ExitCode::kData) : "";
  RunHistory run(folder, limits);
  read_metrics(run);
  read_timing(run);
  run.log = read_log_history(folder + "/train.log");
  read_domains(run, limits);
  thin_samples(run.samples, limits.text_bytes);
  run.config = config.substr(0, limits.text_bytes);
  run.settings = flat_settings(run.config);
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
