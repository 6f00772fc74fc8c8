// The records as JSON objects.
#include "metrics/jsonl_sink.h"

#include <nlohmann/json.hpp>

#include "core/log.h"
#include "core/text.h"
#include "metrics/load_statistics.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

/// A sampled text may end inside a character; U+FFFD stands in for what is not UTF-8.
std::string to_line(const Json& record) {
  return record.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void add_experts(Json& line, const ExpertLoad& load) {
  const LoadStatistics statistics = load_statistics(load);
  Json tokens = Json::array(), max_over_mean = Json::array(), cv = Json::array(), entropy = Json::array();
  for (int64_t layer = 0; layer < load.layers; ++layer) {
    Json row = Json::array();
    for (int64_t expert = 0; expert < load.experts; ++expert) row.push_back(load.at(layer, expert));
    tokens.push_back(std::move(row));
    const LayerLoadStatistics& layer_statistics = statistics.layers[static_cast<size_t>(layer)];
    max_over_mean.push_back(layer_statistics.max_over_mean);
    cv.push_back(layer_statistics.coefficient_of_variation);
    entropy.push_back(layer_statistics.entropy);
  }
  line["expert_tokens"] = std::move(tokens);
  line["dead"] = statistics.dead;
  line["max_over_mean"] = std::move(max_over_mean);
  line["cv"] = std::move(cv);
  line["entropy"] = std::move(entropy);
}

}  // namespace

JsonlSink::JsonlSink(const std::string& run_folder, int64_t resume_step)
    : metrics_(run_folder + "/metrics.jsonl", resume_step), timing_(run_folder + "/timing.jsonl", resume_step) {
  if (metrics_.cut_lines() == 0 && timing_.cut_lines() == 0) return;
  log_info(format("%s: cut back to step %lld: %lld lines off metrics.jsonl, %lld off timing.jsonl", run_folder.c_str(),
                  static_cast<long long>(resume_step), static_cast<long long>(metrics_.cut_lines()),
                  static_cast<long long>(timing_.cut_lines())));
}

void JsonlSink::write(const StepRecord& record) {
  Json line = {{"type", "step"},
               {"step", record.step},
               {"tokens", record.tokens},
               {"tokens_total", record.tokens_total},
               {"loss", record.loss},
               {"aux_loss", record.aux_loss},
               {"z_loss", record.z_loss},
               {"grad_norm", record.grad_norm},
               {"learning_rate", record.learning_rate},
               {"loss_scale", record.loss_scale},
               {"skipped", record.skipped}};
  if (!record.load.empty()) add_experts(line, record.load);
  metrics_.append(to_line(line));

  const double rate = record.seconds > 0 ? static_cast<double>(record.tokens) / record.seconds : 0;
  timing_.append(to_line({{"type", "step"},
                          {"step", record.step},
                          {"seconds", record.seconds},
                          {"tokens_per_second", rate},
                          {"mfu", record.mfu}}));
}

void JsonlSink::write(const EvaluationRecord& record) {
  metrics_.append(to_line({{"type", "evaluation"},
                           {"step", record.step},
                           {"tokens", record.tokens},
                           {"loss", record.loss},
                           {"perplexity", record.perplexity},
                           {"bits_per_byte", record.bits_per_byte},
                           {"best", record.best}}));
  timing_.append(to_line({{"type", "evaluation"}, {"step", record.step}, {"seconds", record.seconds}}));
}

void JsonlSink::write(const SampleRecord& record) {
  metrics_.append(
      to_line({{"type", "sample"}, {"step", record.step}, {"prompt", record.prompt}, {"text", record.text}}));
}

}  // namespace mm
