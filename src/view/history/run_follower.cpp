// Metrics are written before the timing of the same step: a step is told when both are there, or a call later.
#include "view/history/run_follower.h"

#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "metrics/alarms/alarm.h"
#include "metrics/record_fields.h"
#include "view/history/record_reader.h"

namespace mm {
namespace {

using Json = nlohmann::json;

/// The value of `key`, or `otherwise` where there is none of its kind.
template <class Value>
Value value_of(const Json& record, const char* key, Value otherwise) {
  const auto found = record.find(key);
  if (found == record.end()) return otherwise;
  if constexpr (std::is_same_v<Value, std::string>) {
    return found->is_string() ? found->get<std::string>() : otherwise;
  } else if constexpr (std::is_same_v<Value, bool>) {
    return found->is_boolean() ? found->get<bool>() : otherwise;
  } else if constexpr (std::is_same_v<Value, int64_t>) {
    return found->is_number_integer() ? found->get<int64_t>() : otherwise;
  } else {
    return found->is_number() ? found->get<double>() : otherwise;
  }
}

/// For read_numbers.
auto numbers_in(const Json& record) {
  return [&record](const char* key) -> std::optional<double> {
    const auto found = record.find(key);
    if (found == record.end()) return std::nullopt;
    if (found->is_number()) return found->get<double>();
    if (found->is_boolean()) return found->get<bool>() ? 1 : 0;
    return found->is_null() ? std::optional(NAN) : std::nullopt;
  };
}

/// Empty unless it is a table of counts.
ExpertLoad load_of(const Json& record) {
  ExpertLoad load;
  const auto layers = record.find(kExpertTokensKey);
  if (layers == record.end() || !layers->is_array()) return {};
  for (const Json& layer : *layers) {
    if (!layer.is_array() || (load.layers > 0 && std::ssize(layer) != load.experts)) return {};
    load.experts = std::ssize(layer);
    ++load.layers;
    for (const Json& tokens : layer) {
      if (!tokens.is_number_integer() || tokens.get<int64_t>() < 0) return {};
      load.tokens.push_back(tokens.get<int64_t>());
    }
  }
  load.first_layer = bounded_layer(value_of<int64_t>(record, kFirstLayerKey, 0));
  return load.experts == 0 ? ExpertLoad{} : load;
}

StepRecord step_of(const Json& line) {
  StepRecord record;
  record.step = value_of<int64_t>(line, "step", 0);
  record.loss = record.grad_norm = NAN;
  read_numbers(MetricFile::kMetrics, numbers_in(line), record);
  record.load = load_of(line);
  record.verdict = value_of<std::string>(line, kVerdictKey, "");
  int64_t pairs = 0;
  for (const int64_t tokens : record.load.tokens) pairs += tokens;
  record.dropped_tokens = std::llround(value_of(line, kDroppedKey, 0.0) * static_cast<double>(pairs));
  return record;
}

EventRecord event_of(const Json& line) {
  EventRecord event;
  event.step = value_of<int64_t>(line, "step", 0);
  event.type = value_of<std::string>(line, "type", "");
  event.name = value_of<std::string>(line, "name", "");
  event.state = value_of<std::string>(line, "state", "");
  event.layer = value_of<int64_t>(line, "layer", kWholeModel);
  if (const int64_t expert = value_of<int64_t>(line, "expert", -1); expert >= 0) event.expert = expert;
  event.text = value_of<std::string>(line, "text", "");
  event.cause = value_of<std::string>(line, "cause", "");
  event.remedy = value_of<std::string>(line, "remedy", "");
  return event;
}

/// `layer 3 expert 2 dead`; empty of what is no alarm.
std::string in_short(const EventRecord& event) {
  const std::optional<AlarmKind> kind = alarm_kind(event.name);
  return kind ? alarm_in_short({.kind = *kind, .layer = event.layer, .expert = event.expert, .other = {}}) : "";
}

}  // namespace

bool NewLines::read(std::deque<std::string>& lines) {
  std::ifstream file(path_, std::ios::binary | std::ios::ate);
  const auto size = file ? static_cast<size_t>(std::max<std::streamoff>(0, file.tellg())) : 0;
  if (size < read_) {
    read_ = 0;
    rest_.clear();
    return false;
  }
  file.seekg(static_cast<std::streamoff>(read_));
  std::string bytes(size - read_, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(std::max<std::streamsize>(0, file.gcount())));
  read_ += bytes.size();
  rest_ += bytes;
  size_t begin = 0;
  for (size_t end = rest_.find('\n'); end != std::string::npos; end = rest_.find('\n', begin)) {
    lines.push_back(rest_.substr(begin, end - begin));
    begin = end + 1;
  }
  rest_.erase(0, begin);
  return true;
}

RunFollower::RunFollower(std::string folder)
    : folder_(std::move(folder)), metrics_(folder_ + "/metrics.jsonl"), timing_(folder_ + "/timing.jsonl") {
  if (path_kind(folder_, ExitCode::kData) != PathKind::kFolder) {
    throw Error(ExitCode::kData,
                got_want(folder_, "no folder there", "the folder of a run, such as output/quickstart"));
  }
}

bool RunFollower::tell(MetricSink& sink) {
  const bool grew = metrics_.read(lines_);
  if (!grew) begin_anew();
  read_timing();
  if (!grew) return false;
  const std::string config = folder_ + "/config.json";
  if (total_steps_ == 0 && path_kind(config, ExitCode::kData) == PathKind::kFile) {
    const Json settings = Json::parse(read_file(config, ExitCode::kData), nullptr, /*allow_exceptions=*/false);
    if (settings.is_object() && settings.contains("train") && settings["train"].is_object()) {
      total_steps_ = value_of<int64_t>(settings["train"], "steps", 0);
    }
  }
  while (!lines_.empty() && tell_line(lines_.front(), sink)) lines_.pop_front();
  // That were not there yet when their step was.
  if (const auto late = take_events_of_time(told_step_); !late.empty()) sink.write_events(late);
  return true;
}

void RunFollower::read_timing() {
  std::deque<std::string> lines;
  if (!timing_.read(lines)) timing_.read(lines);
  for (const std::string& line : lines) {
    const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    if (!record.is_object()) continue;
    const std::string type = value_of<std::string>(record, "type", "");
    if (type == "alarm" || type == "event") events_of_time_.push_back(line);
    if (type == "step") timings_[value_of<int64_t>(record, "step", 0)] = line;
  }
}

/// False for a line about something else.
bool RunFollower::note_alarm(const Json& line) {
  if (!line.is_object()) return false;
  const EventRecord event = event_of(line);
  if (event.type != "alarm" && event.type != "event") return false;
  if (const std::string alarm = in_short(event); !alarm.empty()) {
    if (event.state == "raised") standing_.insert(alarm);
    if (event.state == "cleared") standing_.erase(alarm);
  }
  return true;
}

/// Those of timing.jsonl that the run has told by `step`.
std::vector<EventRecord> RunFollower::take_events_of_time(int64_t step) {
  std::vector<EventRecord> events;
  for (; !events_of_time_.empty(); events_of_time_.pop_front()) {
    const Json line = Json::parse(events_of_time_.front());
    if (value_of<int64_t>(line, "step", 0) > step) break;
    note_alarm(line);
    events.push_back(event_of(line));
  }
  return events;
}

/// False where the line has to wait.
bool RunFollower::tell_line(const std::string& text, MetricSink& sink) {
  const Json line = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  if (!line.is_object()) return true;
  const std::string type = value_of<std::string>(line, "type", "");
  if (type == "step") {
    StepRecord record = step_of(line);
    const auto timing = timings_.find(record.step);
    if (timing == timings_.end() && waited_for_ != record.step) {
      waited_for_ = record.step;
      return false;
    }
    if (timing != timings_.end()) {
      const Json numbers = Json::parse(timing->second);
      read_numbers(MetricFile::kTiming, numbers_in(numbers), record);
      timings_.erase(timings_.begin(), std::next(timing));
    }
    record.total_steps = std::max(total_steps_, record.step);
    // What the step raised stands behind its line.
    for (size_t next = 1; next < lines_.size() && note_alarm(Json::parse(lines_[next], nullptr, false)); ++next) {
    }
    const std::vector<EventRecord> of_time = take_events_of_time(record.step);
    record.standing.assign(standing_.begin(), standing_.end());
    sink.write(record);
    told_step_ = record.step;
    if (!of_time.empty()) sink.write_events(of_time);
  } else if (type == "alarm" || type == "event") {
    note_alarm(line);
    const EventRecord event = event_of(line);
    sink.write_events({&event, 1});
  } else if (type == "evaluation") {
    EvaluationRecord record;
    record.step = value_of<int64_t>(line, "step", 0);
    record.loss = record.perplexity = record.bits_per_byte = NAN;
    read_numbers(MetricFile::kMetrics, numbers_in(line), record);
    sink.write(record);
  } else if (type == "sample") {
    sink.write(read_sample(text));
  }
  return true;
}

void RunFollower::begin_anew() {
  lines_.clear();
  timings_.clear();
  events_of_time_.clear();
  standing_.clear();
  waited_for_ = told_step_ = 0;
  timing_ = NewLines(folder_ + "/timing.jsonl");
}

}  // namespace mm
