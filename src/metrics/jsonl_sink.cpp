// The records as JSON objects.
#include "metrics/jsonl_sink.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "metrics/load_statistics.h"
#include "metrics/record_fields.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

/// A sampled text may end inside a character; U+FFFD stands in for what is not UTF-8.
std::string to_line(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// [layers][width] of `values`, row-major.
template <class T>
Json rows(const std::vector<T>& values, int64_t layers) {
  Json result = Json::array();
  const auto width = static_cast<int64_t>(values.size()) / std::max<int64_t>(layers, 1);
  for (auto row = values.begin(); row != values.end(); row += width) result.push_back(std::vector<T>(row, row + width));
  return result;
}

/// The numbers of `record` that belong into `file`.
template <class Record>
void add_numbers(Json& line, MetricFile file, const Record& record) {
  for (const NumberField<Record>& field : number_fields<Record>()) {
    if (field.file != file || (field.is_written != nullptr && !field.is_written(record))) continue;
    with_value(field, record, [&](auto value) { line[field.key] = value; });
  }
}

template <class Record>
void add_layers(Json& line, const Record& record) {
  for (const LayerField<Record>& field : layer_fields<Record>()) {
    if (!(record.*field.values).empty()) line[field.key] = record.*field.values;
  }
}

/// For records of a model that begins with dense layers.
void add_first_layer(Json& line, int64_t first_layer) {
  if (first_layer > 0) line[kFirstLayerKey] = first_layer;
}

void add_experts(Json& line, const StepRecord& record) {
  const ExpertLoad& load = record.load;
  const LoadStatistics statistics = load_statistics(load);
  Json max_over_mean = Json::array(), cv = Json::array(), entropy = Json::array();
  for (const LayerLoadStatistics& layer_statistics : statistics.layers) {
    max_over_mean.push_back(layer_statistics.max_over_mean);
    cv.push_back(layer_statistics.coefficient_of_variation);
    entropy.push_back(layer_statistics.entropy);
  }
  add_first_layer(line, load.first_layer);
  line[kExpertTokensKey] = rows(load.tokens, load.layers);
  line[kDroppedKey] = dropped_share(record);
  line["dead"] = statistics.dead;
  line["max_over_mean"] = std::move(max_over_mean);
  line["cv"] = std::move(cv);
  line["entropy"] = std::move(entropy);
  add_layers(line, record.router);
  if (!record.router.bias.empty()) line["router_bias"] = rows(record.router.bias, load.layers);
}

/// A row of experts and one of weights for each piece.
void add_routes(Json& line, const std::vector<RoutedPiece>& pieces) {
  Json texts = Json::array(), experts = Json::array(), weights = Json::array();
  const TokenRoute* any = nullptr;
  for (const RoutedPiece& piece : pieces) {
    if (piece.route.layers() > 0) any = &piece.route;
    texts.push_back(piece.text);
    experts.push_back(piece.route.experts);
    Json row = Json::array();
    for (const float weight : piece.route.weights)
      row.push_back(std::round(1000.0 * static_cast<double>(weight)) / 1000);
    weights.push_back(std::move(row));
  }
  if (any == nullptr) return;
  line["routed_experts"] = any->experts_per_layer;
  line["slots"] = any->slots;
  add_first_layer(line, any->first_layer);
  line["pieces"] = std::move(texts);
  line["piece_experts"] = std::move(experts);
  line["piece_weights"] = std::move(weights);
}

}  // namespace

JsonlSink::JsonlSink(const std::string& run_folder, int64_t resume_step, const std::vector<std::string>& undone)
    : metrics_(run_folder + "/metrics.jsonl", resume_step, "step", undone),
      timing_(run_folder + "/timing.jsonl", resume_step, "step", undone) {
  if (metrics_.cut_lines() > 0 || timing_.cut_lines() > 0) {
    log_info(format("%s: cut back to step %lld: %lld lines off metrics.jsonl, %lld off timing.jsonl",
                    run_folder.c_str(), static_cast<long long>(resume_step),
                    static_cast<long long>(metrics_.cut_lines()), static_cast<long long>(timing_.cut_lines())));
  }
  end_alarm_of_time(resume_step);
}

void JsonlSink::end_alarm_of_time(int64_t step) {
  const Json last = Json::parse(timing_.last_with(R"("state":")"), nullptr, /*allow_exceptions=*/false);
  if (!last.is_object() || last.value("state", "") != "raised") return;
  const std::string name = last.value("name", "");
  append_timing(to_line({{"type", "event"},
                         {"step", step},
                         {"name", name},
                         {"state", "cleared"},
                         {"text", name + ": judged anew from here on"}}));
}

void JsonlSink::rewind(int64_t step) {
  metrics_.rewind(step);
  if (timing_failed_) return;
  timing_.rewind(step);
  end_alarm_of_time(step);
}

void JsonlSink::write(const StepRecord& record) {
  Json line = {{"type", "step"}, {"step", record.step}}, timing = line;
  add_numbers(line, MetricFile::kMetrics, record);
  if (!record.load.empty()) add_experts(line, record);
  if (!record.verdict.empty()) line[kVerdictKey] = record.verdict;
  metrics_.append(to_line(line));
  add_numbers(timing, MetricFile::kTiming, record);
  append_timing(to_line(timing));
}

void JsonlSink::append_timing(const std::string& line) {
  if (timing_failed_) return;
  try {
    timing_.append(line);
  } catch (const Error& error) {
    timing_failed_ = true;
    log_warning(std::string(error.what()) + "\nthe run goes on without this file");
  }
}

void JsonlSink::write(const EvaluationRecord& record) {
  Json line = {{"type", "evaluation"}, {"step", record.step}}, timing = line;
  add_numbers(line, MetricFile::kMetrics, record);
  metrics_.append(to_line(line));
  add_numbers(timing, MetricFile::kTiming, record);
  append_timing(to_line(timing));
}

void JsonlSink::write(const SampleRecord& record) {
  Json line = {{"type", "sample"}, {"step", record.step}, {"prompt", record.prompt}, {"text", record.text}};
  if (!record.pieces.empty()) add_routes(line, record.pieces);
  metrics_.append(to_line(line));
}

void JsonlSink::write_router(const RouterRecord& record) {
  Json line = {{"type", "router"}, {"step", record.step}, {"tokens", record.tokens}};
  add_first_layer(line, record.first_layer);
  add_layers(line, record);
  line["closest_experts"] = rows(record.closest_experts, record.layers);
  line["output_rms"] = rows(record.output_rms, record.layers);
  line["update_ratio"] = rows(record.update_ratio, record.layers);
  metrics_.append(to_line(line));
}

void JsonlSink::write_domains(const DomainsRecord& record) {
  Json line = {{"type", "domains"},
               {"step", record.step},
               {"domains", record.domains},
               {"loss", record.losses},
               {"tokens", record.tokens}};
  const auto domains = static_cast<int64_t>(record.domains.size());
  Json layers = Json::array(), typical = Json::array();
  for (int64_t layer = 0; layer < record.layers; ++layer) {
    const auto begin = record.expert_tokens.begin() + layer * domains * record.experts;
    layers.push_back(rows(std::vector<int64_t>(begin, begin + domains * record.experts), domains));
    const auto first = record.typical.begin() + layer * record.experts;
    if (!record.typical.empty()) {
      typical.push_back(std::vector<std::vector<std::string>>(first, first + record.experts));
    }
  }
  add_first_layer(line, record.first_layer);
  if (record.layers > 0) line["expert_tokens_by_domain"] = std::move(layers);
  if (!typical.empty()) line["typical"] = std::move(typical);
  metrics_.append(to_line(line));
}

void JsonlSink::write_save(const SaveRecord& record) {
  append_timing(to_line({{"type", "save"},
                         {"step", record.step},
                         {"saved_step", record.saved_step},
                         {"blocked_seconds", record.blocked_seconds},
                         {"seconds", record.seconds}}));
}

void JsonlSink::write_events(std::span<const EventRecord> events) {
  for (const EventRecord& event : events) {
    Json line = {{"type", event.type}, {"step", event.step}, {"name", event.name}, {"state", event.state}};
    if (event.layer >= 0) line["layer"] = event.layer;
    if (event.expert) line["expert"] = *event.expert;
    line["value"] = event.value;
    line["threshold"] = event.threshold;
    line["text"] = event.text;
    if (!event.cause.empty()) line["cause"] = event.cause;
    if (!event.remedy.empty()) line["remedy"] = event.remedy;
    if (event.of_time) {
      append_timing(to_line(line));
    } else {
      metrics_.append(to_line(line));
    }
  }
}

}  // namespace mm
