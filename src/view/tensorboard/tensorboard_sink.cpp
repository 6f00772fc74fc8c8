// The tags.
#include "view/tensorboard/tensorboard_sink.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "core/characters/utf8.h"
#include "core/text.h"
#include "metrics/load_statistics.h"
#include "metrics/record_fields.h"
#include "metrics/wall_time.h"
#include "view/image/load_image.h"
#include "view/tensorboard/event.h"

namespace mm {
namespace {

constexpr int64_t kMostShareScalars = 64;
constexpr auto kReplace = nlohmann::json::error_handler_t::replace;

template <class Record>
void add_numbers(Summary& summary, const Record& record) {
  for (const NumberField<Record>& field : number_fields<Record>()) {
    const std::optional<double> number = field.tag != nullptr ? shown_number(field, record) : std::nullopt;
    if (number) summary.scalar(field.tag, *number);
  }
}

template <class Record>
void add_layers(Summary& summary, const Record& record, int64_t first_layer) {
  for (const LayerField<Record>& field : layer_fields<Record>()) {
    const std::vector<double>& values = record.*field.values;
    for (size_t row = 0; field.in_tensorboard && row < values.size(); ++row) {
      summary.scalar(format("router/layer_%zu/%s", static_cast<size_t>(first_layer) + row, field.key), values[row]);
    }
  }
}

void add_evenness(Summary& summary, const LoadStatistics& statistics) {
  double max_over_mean = 0, entropy = 1;
  for (const LayerLoadStatistics& layer : statistics.layers) {
    max_over_mean = std::max(max_over_mean, layer.max_over_mean);
    entropy = std::min(entropy, layer.normalised_entropy);
  }
  summary.scalar("experts/dead", static_cast<double>(statistics.dead));
  summary.scalar("experts/max_over_mean_of_worst_layer", max_over_mean);
  summary.scalar("experts/entropy_of_worst_layer", entropy);
}

void add_shares(Summary& summary, const ExpertLoad& load, const LoadStatistics& statistics) {
  constexpr int kRanges = 40;
  summary.image("experts/load", load_image(load));
  for (size_t row = 0; row < statistics.layers.size(); ++row) {
    const size_t layer = static_cast<size_t>(load.first_layer) + row;
    const std::vector<double>& shares = statistics.layers[row].shares;
    const double two_fair_shares = 2.0 / static_cast<double>(load.experts);
    summary.histogram(format("experts/layer_%zu/shares", layer), count_values(shares, two_fair_shares, kRanges));
    if (load.layers * load.experts > kMostShareScalars) continue;
    for (size_t expert = 0; expert < shares.size(); ++expert) {
      summary.scalar(format("experts/layer_%zu/share_%zu", layer, expert), shares[expert]);
    }
  }
}

/// Four spaces in front of every line: Markdown then shows the text as it is.
std::string as_code(std::string_view text) {
  std::string code = "    ";
  for (const char c : text) {
    code += c;
    if (c == '\n') code += "    ";
  }
  return code;
}

/// `optim.learning_rate` -> 0.001; a list is text.
std::map<std::string, SettingValue> settings_of(const std::string& config_json) {
  std::map<std::string, SettingValue> settings;
  const std::function<void(const std::string&, const nlohmann::json&)> add = [&](const std::string& name,
                                                                                 const nlohmann::json& value) {
    if (value.is_object()) {
      for (const auto& [key, inner] : value.items()) add(name.empty() ? key : name + "." + key, inner);
    } else if (value.is_boolean()) {
      settings[name] = value.get<bool>();
    } else if (value.is_number()) {
      settings[name] = value.get<double>();
    } else if (!value.is_null()) {
      settings[name] = value.is_string() ? lossy_utf8(value.get<std::string>()) : value.dump(-1, ' ', true, kReplace);
    }
  };
  const auto config = nlohmann::json::parse(config_json, nullptr, /*allow_exceptions=*/false);
  if (config.is_object()) add("", config);
  return settings;
}

}  // namespace

TensorboardSink::TensorboardSink(const MetricsConfig& config, const std::string& run_folder, int64_t resume_step,
                                 const std::string& config_json)
    : experts_every_(config.experts_every), file_(run_folder + "/tensorboard", resume_step) {
  if (config_json.empty()) return;
  Summary summary;
  summary.text("config", as_code(lossy_utf8(config_json)));
  summary.settings(settings_of(config_json), wall_time());
  file_.append(summary_event(wall_time(), resume_step, summary));
}

void TensorboardSink::write(const StepRecord& record) {
  Summary summary;
  add_numbers(summary, record);
  summary.scalar("alarms/standing", static_cast<double>(record.standing.size()));
  if (!record.load.empty()) {
    const LoadStatistics statistics = load_statistics(record.load);
    add_evenness(summary, statistics);
    if (record.dropped_tokens > 0) summary.scalar("experts/dropped", dropped_share(record));
    add_layers(summary, record.router, record.load.first_layer);
    if (experts_every_ > 0 && record.step % experts_every_ == 0) add_shares(summary, record.load, statistics);
  }
  file_.append(summary_event(wall_time(), record.step, summary));
}

void TensorboardSink::write(const EvaluationRecord& record) {
  Summary summary;
  add_numbers(summary, record);
  file_.append(summary_event(wall_time(), record.step, summary));
}

void TensorboardSink::write(const SampleRecord& record) {
  Summary summary;
  summary.text("samples/" + lossy_utf8(record.prompt), lossy_utf8(as_code(record.prompt + record.text)));
  file_.append(summary_event(wall_time(), record.step, summary));
}

void TensorboardSink::write_domains(const DomainsRecord& record) {
  if (record.domains.size() < 2) return;
  Summary summary;
  for (size_t i = 0; i < record.domains.size(); ++i) {
    if (std::isfinite(record.losses[i])) summary.scalar("domains/" + lossy_utf8(record.domains[i]), record.losses[i]);
  }
  file_.append(summary_event(wall_time(), record.step, summary));
}

void TensorboardSink::write_router(const RouterRecord& record) {
  Summary summary;
  add_layers(summary, record, record.first_layer);
  file_.append(summary_event(wall_time(), record.step, summary));
}

void TensorboardSink::write_events(std::span<const EventRecord> events) {
  Summary summary;
  std::string lines;
  for (const EventRecord& event : events) {
    if (!lines.empty()) lines += '\n';
    lines += (event.type == "alarm" ? "alarm: " : "") + event.text;
  }
  summary.text("router/events", as_code(lines));
  file_.append(summary_event(wall_time(), events.front().step, summary));
}

}  // namespace mm
