// One judge of alarms: whatever goes wrong in a run, the files, the console, TensorBoard and the report tell the same.
#include <gtest/gtest.h>

#include <cstring>
#include <filesystem>
#include <functional>
#include <regex>

#include "core/files/files.h"
#include "core/text.h"
#include "metrics/alarms/alarm_watch.h"
#include "metrics/jsonl_sink.h"
#include "tests/support/captured_output.h"
#include "tests/unit/core/temp_folder.h"
#include "view/console_sink.h"
#include "view/history/run_follower.h"
#include "view/report/report_page.h"
#include "view/report/verdict.h"
#include "view/tensorboard/tensorboard_sink.h"

namespace mm {
namespace {

using Tokens = std::vector<int64_t>;

constexpr int64_t kSteps = 60, kRouterEvery = 5, kVocabulary = 6400;

/// A run of one MoE layer that goes wrong in one way.
struct SyntheticRun {
  std::string name;
  int64_t raised;  ///< how many alarms
  AlarmConfig alarms = {};
  std::function<Tokens(int64_t step)> tokens = [](int64_t) { return Tokens(4, 250); };
  std::vector<double> bias = {};
  double gate_gradient = 0.1, closest_cosine = 0.2;
  std::function<double(int64_t step)> loss = [](int64_t) { return 2; };
  int64_t dropped = 0;  ///< of 1,000 tokens, in every step
  std::function<bool(int64_t step)> skipped = [](int64_t) { return false; };
  std::function<double(int64_t step)> data_seconds = [](int64_t) { return 0.01; };  ///< of half a second
};

AlarmConfig with_patience(int64_t patience, const LoadThresholds& load = {}) {
  AlarmConfig config;
  config.load = load;
  config.patience = patience;
  return config;
}

AlarmConfig with_loss_patience(int64_t patience) {
  AlarmConfig config;
  config.loss_patience = patience;
  return config;
}

std::function<Tokens(int64_t)> always(const Tokens& tokens) {
  return [tokens](int64_t) { return tokens; };
}

/// Expert 1 is without a token while `dead(step)`.
std::function<Tokens(int64_t)> dead_while(const std::function<bool(int64_t)>& dead) {
  return [dead](int64_t step) { return dead(step) ? Tokens{350, 0, 330, 320} : Tokens(4, 250); };
}

std::vector<SyntheticRun> synthetic_runs() {
  Tokens ten_of_sixteen_dead(16, 0);
  for (size_t expert = 0; expert < 6; ++expert) ten_of_sixteen_dead[expert] = 500;
  return {
      {.name = "healthy", .raised = 0},
      {.name = "noisy", .raised = 0, .tokens = dead_while([](int64_t step) { return step % 3 == 0; })},
      {.name = "dead", .raised = 10, .alarms = with_patience(8), .tokens = always(ten_of_sixteen_dead)},
      {.name = "dying by its own threshold",
       .raised = 1,
       .alarms = with_patience(5, {.dying_share = 0.5}),
       .tokens = always({300, 100, 300, 300})},
      {.name = "over-subscribed by its own threshold",
       .raised = 1,
       .alarms = with_patience(20, {.over_subscribed_share = 1.5}),
       .tokens = always({450, 190, 180, 180})},
      {.name = "collapse", .raised = 1, .alarms = with_patience(10), .tokens = always({1000, 0, 0, 0})},
      {.name = "no LM gradient", .raised = 1, .gate_gradient = 1e-8},
      {.name = "copies", .raised = 1, .closest_cosine = 0.999},
      {.name = "bias frozen", .raised = 1, .tokens = always({400, 200, 200, 200}), .bias = {0, 0, 0, 0}},
      {.name = "dead, recovered, dead again",
       .raised = 2,
       .alarms = with_patience(5),
       .tokens = dead_while([](int64_t step) { return (step >= 10 && step < 30) || step >= 45; })},
      {.name = "the loss explodes", .raised = 1, .loss = [](int64_t step) { return step < 30 ? 3 : 12; }},
      {.name = "the loss explodes and comes back",
       .raised = 1,
       .loss = [](int64_t step) { return step == 30 ? 12 : 3; }},
      {.name = "the loss is stuck, and an expert is dead",
       .raised = 2,
       .alarms = with_loss_patience(25),
       .tokens = always({350, 0, 330, 320}),
       .loss = [](int64_t) { return 8.7; }},
      {.name = "a quarter is dropped, which is no alarm", .raised = 0, .dropped = 260},
      {.name = "an expert has been dead for a while, which is no alarm yet",
       .raised = 0,
       .tokens = dead_while([](int64_t step) { return step > kSteps - 5; })},
      {.name = "slow data", .raised = 1, .alarms = with_patience(5), .data_seconds = [](int64_t) { return 0.3; }},
      {.name = "slow data for a while, while an expert is dead",
       .raised = 2,
       .alarms = with_patience(5),
       .tokens = always({350, 0, 330, 320}),
       .data_seconds = [](int64_t step) { return step > 10 && step < 30 ? 0.3 : 0.01; }},
      {.name = "slow data now and then, which is no alarm",
       .raised = 0,
       .data_seconds = [](int64_t step) { return step % 3 == 0 ? 0.4 : 0.01; }},
      {.name = "steps are skipped", .raised = 0, .skipped = [](int64_t step) { return step % 7 == 0; }},
  };
}

/// What a surface tells.
struct Told {
  int64_t raised = 0;    ///< alarms
  int64_t standing = 0;  ///< alarms behind each step, summed over the steps
  bool ill = false;      ///< whether one stands behind the last step
  bool operator==(const Told&) const = default;
};

void PrintTo(const Told& told, std::ostream* out) {
  *out << told.raised << " raised, " << told.standing << " alarm steps, at the end " << (told.ill ? "ill" : "well");
}

StepRecord step_of(const SyntheticRun& run, int64_t step) {
  StepRecord record;
  record.step = step;
  record.total_steps = kSteps;
  record.tokens = 1000;
  record.loss = run.loss(step);
  record.load = {1, 0, run.tokens(step)};
  record.load.experts = static_cast<int64_t>(record.load.tokens.size());
  record.router.bias = run.bias;
  record.dropped_tokens = run.dropped;
  record.skipped = run.skipped(step);
  record.seconds = 0.5;
  record.data_seconds = run.data_seconds(step);
  return record;
}

RouterRecord measure_of(const SyntheticRun& run, int64_t step) {
  RouterRecord record;
  record.step = step;
  record.layers = 1;
  record.experts = 4;
  record.gate_gradient_lm = record.gate_gradient_aux = record.gate_gradient_relative = {run.gate_gradient};
  record.closest_cosine = {run.closest_cosine};
  record.closest_experts = {1, 3};
  return record;
}

/// Judges the run and tells the sinks as a trainer does. Returns what the judge said.
Told play(const SyntheticRun& run, const std::vector<MetricSink*>& sinks) {
  AlarmWatch watch(run.alarms, /*top_k=*/1, kVocabulary);
  Told told;
  const auto tell = [&](const std::vector<EventRecord>& events) {
    for (const EventRecord& event : events) told.raised += event.type == "alarm";
    if (events.empty()) return;
    for (MetricSink* sink : sinks) sink->write_events(events);
  };
  for (int64_t step = 1; step <= kSteps; ++step) {
    StepRecord record = step_of(run, step);
    const std::vector<EventRecord> events = watch.observe(record);
    record.verdict = watch.verdict();
    for (const AlarmSubject& subject : watch.standing()) record.standing.push_back(alarm_in_short(subject));
    told.standing += static_cast<int64_t>(record.standing.size());
    told.ill = !record.standing.empty();
    for (MetricSink* sink : sinks) sink->write(record);
    tell(events);
    if (step % kRouterEvery != 0) continue;
    const RouterRecord measure = measure_of(run, step);
    for (MetricSink* sink : sinks) sink->write_router(measure);
    tell(watch.observe(measure));
  }
  return told;
}

/// How often `pattern` is found in `text`; where it has a group, the sum of the numbers there.
int64_t total(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  int64_t sum = 0;
  for (std::sregex_iterator match(text.begin(), text.end(), regex), end; match != end; ++match) {
    sum += match->size() > 1 ? std::stoll((*match)[1]) : 1;
  }
  return sum;
}

Told told_by_console(const SyntheticRun& run, const MetricsConfig& config) {
  const std::string text = "\n" + output_to_pipe([&] {
                             ConsoleSink sink(config);
                             play(run, {&sink});
                           });
  return {total(text, "\nwarning: step ") + total(text, R"(more in metrics\.jsonl, (\d+) of them alarms)"),
          total(text, R"(\n(?:layer \d|loss |data ))") + total(text, R"(and (\d+) more alarms)"),
          total(text, R"(\nstep +60/60[^\n]*(?:\| loss [a-z]|\| data [a-z]|router (?!ok|watching)))") == 1};
}

Told told_by_tensorboard(const std::string& folder) {
  std::string bytes;
  for (const auto& entry : std::filesystem::directory_iterator(folder + "/tensorboard")) {
    bytes += read_file(entry.path().string(), ExitCode::kData);
  }
  Told told{.raised = total(bytes, "    alarm: ")};
  // The value of a scalar stands before its tag: four bytes, then the number of the tag's field and its length.
  const std::string tag =
      "\x0a\x0f"
      "alarms/standing";
  for (size_t at = bytes.find(tag); at != std::string::npos; at = bytes.find(tag, at + 1)) {
    float value = 0;
    std::memcpy(&value, bytes.data() + at - sizeof value, sizeof value);
    told.standing += static_cast<int64_t>(value);
    told.ill = value > 0;
  }
  return told;
}

Told told_by_report(const std::string& folder) {
  const std::string path = folder + "/report.html";
  write_report({folder}, path);
  const std::string page = read_file(path, ExitCode::kData);
  Told told{.raised = total(page, R"(<summary>Alarms: (\d+)</summary>)")};
  EXPECT_EQ(total(page, "No alarm was raised"), told.raised == 0 ? 1 : 0);
  const RunHistory history = read_run_history(folder);
  for (const AlarmGroup& group : history.alarms.groups()) {
    for (const Bucket& bucket : group.standing_at.buckets()) told.standing += static_cast<int64_t>(bucket.sum);
  }
  for (const Verdict& verdict : verdicts(history, nullptr)) {
    told.ill = told.ill || verdict.light == Light::kBad || verdict.light == Light::kWatch;
  }
  return told;
}

/// The progress lines of a run as the terminal has them, without what is about time.
std::vector<std::string> progress_lines(const StepRecord& record) {
  std::vector<std::string> parts = step_parts(record, 0);
  std::erase_if(parts, [](const std::string& part) { return part.starts_with("eta "); });
  return parts;
}

/// Keeps what the terminal would say of each step.
class ProgressLines : public MetricSink {
 public:
  void write(const StepRecord& record) override { lines.push_back(progress_lines(record)); }
  void write(const EvaluationRecord&) override {}
  void write(const SampleRecord&) override {}

  std::vector<std::vector<std::string>> lines;
};

TEST(AlarmSurfaces, AWatchBesideTheRunReadsWhatItsTerminalSays) {
  const TempFolder folder;
  for (const SyntheticRun& run : synthetic_runs()) {
    SCOPED_TRACE(run.name);
    const std::string run_folder = folder / run.name;
    std::filesystem::create_directories(run_folder);
    write_file_atomic(run_folder + "/config.json",
                      format(R"({"train": {"steps": %lld}})", static_cast<long long>(kSteps)));
    JsonlSink jsonl(run_folder, 0);
    ProgressLines terminal, beside;
    play(run, {&jsonl, &terminal});
    ASSERT_TRUE(RunFollower(run_folder).tell(beside));
    EXPECT_EQ(beside.lines, terminal.lines);

    const RunHistory history = read_run_history(run_folder);
    EXPECT_EQ("router " + history.verdict, terminal.lines.back().back());
    std::string page;
    for (const Verdict& verdict : verdicts(history, nullptr)) page += verdict.answer + "\n";
    // `layer 0 expert 2 dead (and 3 more)` is an alarm and has its sentence there; `ok` is a green light.
    if (history.verdict.starts_with("watching")) {
      EXPECT_TRUE(page.find(history.verdict) != std::string::npos) << page;
    }
  }
}

TEST(AlarmSurfaces, TellWhatTheJudgeOfTheRunSaid) {
  const TempFolder folder;
  const MetricsConfig config = {.log_every = 0, .experts_every = 1};
  for (const SyntheticRun& run : synthetic_runs()) {
    SCOPED_TRACE(run.name);
    const std::string run_folder = folder / run.name;
    std::filesystem::create_directories(run_folder);
    JsonlSink jsonl(run_folder, 0);
    TensorboardSink tensorboard(config, run_folder, 0);
    const Told said = play(run, {&jsonl, &tensorboard});
    EXPECT_EQ(said.raised, run.raised);
    const std::string lines = read_file(run_folder + "/metrics.jsonl", ExitCode::kData) +
                              read_file(run_folder + "/timing.jsonl", ExitCode::kData);
    EXPECT_EQ(total(lines, R"("type":"alarm")"), said.raised);
    EXPECT_EQ(told_by_console(run, config), said);
    EXPECT_EQ(told_by_tensorboard(run_folder), said);
    EXPECT_EQ(told_by_report(run_folder), said);
  }
}

}  // namespace
}  // namespace mm
