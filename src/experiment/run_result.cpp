// Lines of steps are many and long: of those in metrics.jsonl only the ones before a validation are parsed.
#include "experiment/run_result.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "checkpoint/store/checkpoint_store.h"
#include "core/error.h"
#include "core/files/files.h"
#include "metrics/record_fields.h"
#include "view/history/file_lines.h"

namespace mm {
namespace {

using Json = nlohmann::json;

constexpr std::string_view kStepRecord = R"({"type":"step")";

std::optional<Json> record_in(std::string_view line) {
  Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object() || !record["step"].is_number_integer()) return {};
  return record;
}

double number(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_number() ? found->get<double>() : 0;
}

std::string text(const Json& record, const char* key) {
  const auto found = record.find(key);
  return found != record.end() && found->is_string() ? found->get<std::string>() : "";
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// Seconds of all steps up to each one.
std::map<int64_t, double> read_timing(const std::string& folder, RunResult& result) {
  constexpr int64_t kWarmUp = 2;  // steps that also fill caches
  std::map<int64_t, double> until;
  std::vector<double> rates, seconds;
  double sum = 0;
  for_each_line(folder + "/timing.jsonl", [&](std::string_view line) {
    const std::optional<Json> record = record_in(line);
    if (!record) return;
    result.alarms += text(*record, "type") == "alarm";
    if (text(*record, "type") != "step") return;
    const int64_t step = (*record)["step"].get<int64_t>();
    const double step_seconds = number(*record, key_of(&StepRecord::seconds));
    sum += step_seconds;
    until[step] = sum;
    rates.push_back(number(*record, field_of(&tokens_per_second).key));
    if (step > kWarmUp) seconds.push_back(step_seconds);
  });
  result.tokens_per_second = median(std::move(rates));
  result.seconds_per_step = median(std::move(seconds));
  return until;
}

void read_metrics(const std::string& folder, const std::map<int64_t, double>& seconds_until, RunResult& result) {
  std::string last_step;
  std::map<std::pair<int64_t, int64_t>, bool> dead;
  for_each_line(folder + "/metrics.jsonl", [&](std::string_view line) {
    if (line.starts_with(kStepRecord)) {
      last_step = line;
      return;
    }
    const std::optional<Json> record = record_in(line);
    if (!record) return;
    const std::string type = text(*record, "type");
    if (type == "evaluation") {
      const std::optional<Json> step = record_in(last_step);
      EvaluationPoint& point = result.evaluations.emplace_back();
      point.step = (*record)["step"].get<int64_t>();
      point.loss = number(*record, key_of(&EvaluationRecord::loss));
      point.bits_per_byte = number(*record, key_of(&EvaluationRecord::bits_per_byte));
      if (step) point.tokens = number(*step, key_of(&StepRecord::tokens_total));
      const auto seconds = seconds_until.upper_bound(point.step);
      if (seconds != seconds_until.begin()) point.seconds = std::prev(seconds)->second;
    }
    if (type != "alarm" && type != "event") return;
    const bool raised = text(*record, "state") == "raised";
    result.alarms += type == "alarm" && raised;
    if (text(*record, "name") != "dead") return;
    const auto expert = static_cast<int64_t>(number(*record, "expert"));
    dead[{static_cast<int64_t>(number(*record, "layer")), expert}] = raised;
  });
  if (const std::optional<Json> step = record_in(last_step)) result.step = (*step)["step"].get<int64_t>();
  for (const auto& [expert, is_dead] : dead) result.dead_experts += is_dead;
}

std::string failure_path(const std::string& folder) {
  return folder + "/failure.json";
}

}  // namespace

RunResult read_run_result(const std::string& folder, int64_t steps) {
  RunResult result;
  if (path_kind(folder, ExitCode::kData) != PathKind::kFolder) return result;
  read_metrics(folder, read_timing(folder, result), result);
  const std::vector<int64_t> saved = checkpoint_steps(folder + "/checkpoints");
  const bool validated = !result.evaluations.empty() && result.evaluations.back().step == steps;
  if (validated && !saved.empty() && saved.back() == steps) {
    result.state = RunResult::State::kFinished;
  } else if (path_kind(failure_path(folder), ExitCode::kData) == PathKind::kFile) {
    result.state = RunResult::State::kFailed;
    const Json failure = Json::parse(read_file(failure_path(folder), ExitCode::kData), nullptr, false);
    result.failure = failure.is_object() ? text(failure, "message") : "";
  } else if (result.step > 0 || !saved.empty()) {
    result.state = RunResult::State::kBegun;
  }
  return result;
}

int64_t last_recorded_step(const std::string& folder) {
  constexpr size_t kTail = 1 << 17;
  const std::string path = folder + "/metrics.jsonl";
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return 0;
  const MappedFile file(path, ExitCode::kData);
  std::string_view tail(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  if (tail.size() > kTail) tail.remove_prefix(tail.size() - kTail);
  constexpr std::string_view kStep = R"("step":)";
  const size_t record = tail.rfind(kStepRecord);
  const size_t step = record == std::string_view::npos ? record : tail.find(kStep, record);
  if (step == std::string_view::npos) return 0;
  return std::atoll(std::string(tail.substr(step + kStep.size(), 20)).c_str());
}

void write_failure(const std::string& folder, int exit_code, const std::string& message) {
  const nlohmann::ordered_json failure = {{"exit_code", exit_code}, {"message", message}};
  write_file_atomic(failure_path(folder), failure.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

void remove_failure(const std::string& folder) {
  std::error_code ignored;
  std::filesystem::remove(failure_path(folder), ignored);
}

}  // namespace mm
