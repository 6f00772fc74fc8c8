// The sentences that a page opens with: what the run said of itself, with its numbers.
#include "view/report/verdict.h"

#include <gtest/gtest.h>

#include <map>

#include "core/files/files.h"
#include "core/text.h"
#include "metrics/alarms/alarm.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

std::string step_line(int64_t step, const std::string& experts = R"(,"expert_tokens":[[25,25,25,25]])") {
  return format(R"({"type":"step","step":%lld,"tokens":100,"tokens_total":%lld,"loss":%.3f%s})",
                static_cast<long long>(step), static_cast<long long>(100 * step), 5 - 0.1 * static_cast<double>(step),
                experts.c_str()) +
         "\n";
}

std::string steps(int64_t count) {
  std::string lines;
  for (int64_t step = 1; step <= count; ++step) lines += step_line(step);
  return lines;
}

std::string measure_line(int64_t step) {
  return format(R"({"type":"router","step":%lld,"gate_gradient_relative":[0.25,0.125]})",
                static_cast<long long>(step)) +
         "\n";
}

std::string alarm_line(int64_t step, const char* name, bool raised) {
  return format(R"({"type":"%s","step":%lld,"name":"%s","state":"%s","layer":0,"expert":1,"text":"expert 1 is %s",)"
                R"("cause":"why","remedy":"do this"})",
                raised ? "alarm" : "event", static_cast<long long>(step), name, raised ? "raised" : "cleared", name) +
         "\n";
}

std::string log_lines(const std::vector<std::string>& messages) {
  std::string lines;
  for (const std::string& message : messages) lines += "2026-01-01 12:00:00.000 info " + message + "\n";
  return lines;
}

class Verdicts : public testing::Test {
 protected:
  /// The verdicts by their questions.
  std::map<std::string, Verdict> of(const std::string& metrics, const std::vector<std::string>& log = {}) const {
    write_file_atomic(folder_ / "metrics.jsonl", metrics);
    write_file_atomic(folder_ / "train.log", log_lines(log));
    write_file_atomic(folder_ / "config.json", R"({"model": {"vocab_size": 100}, "alarms": {"gate_gradient": 0.001}})");
    std::map<std::string, Verdict> found;
    for (const Verdict& verdict : verdicts(read_run_history(folder_.path()), nullptr))
      found[verdict.question] = verdict;
    return found;
  }

  TempFolder folder_;
};

constexpr const char *kLearns = "Does it learn?", *kRouter = "Is the router learning?",
                     *kExperts = "Are the experts alive?", *kResume = "Is the resume exact?",
                     *kCost = "Why is it slower than a dense model?";

TEST_F(Verdicts, OfAHealthyRunAreGoodAndHaveTheirNumbers) {
  const auto found = of(steps(30) + measure_line(30));
  for (const char* question : {kLearns, kRouter, kExperts, kResume}) {
    EXPECT_EQ(found.at(question).light, Light::kGood) << question << ": " << found.at(question).answer;
  }
  EXPECT_EQ(found.at(kLearns).answer,
            "Yes. The training loss went from 4.900 to 2.000 nats per token; guessing among all tokens is 4.61.");
  EXPECT_EQ(found.at(kRouter).answer,
            "Yes. The gate that the language-model loss reaches least gets 0.12 of the model's mean gradient, per "
            "weight; below 0.001 it would be an alarm.");
  EXPECT_EQ(found.at(kExperts).answer,
            "Yes. In step 30 an expert got 25% to 25% of its layer's tokens, a fair share is 25%; 0 of 4 got none.");
  EXPECT_EQ(found.at(kResume).answer, "It was never interrupted: its 30 steps are there once each.");
  EXPECT_EQ(found.at(kCost).light, Light::kNone);
}

TEST_F(Verdicts, AreBadWhileAGraveAlarmStandsAndSayWhatToDo) {
  const auto dead = of(steps(3) + alarm_line(3, "dead", true) + measure_line(3)).at(kExperts);
  EXPECT_EQ(dead.light, Light::kBad);
  EXPECT_TRUE(dead.answer.starts_with("No: expert 1 is dead. In step 3 ")) << dead.answer;
  EXPECT_EQ(dead.remedy, "do this");
  EXPECT_EQ(of(steps(3) + measure_line(3) + alarm_line(3, "no_lm_gradient", true)).at(kRouter).light, Light::kBad);
  EXPECT_EQ(of(steps(3) + alarm_line(3, "non_finite", true)).at(kLearns).light, Light::kBad);
}

TEST_F(Verdicts, EveryAlarmThatStandsIsTheAnswerToAQuestion) {
  for (int kind = 0; kind <= static_cast<int>(AlarmKind::kLossGap); ++kind) {
    const std::string name(alarm_name(static_cast<AlarmKind>(kind)));
    int told = 0;
    for (const auto& [question, verdict] : of(steps(3) + measure_line(3) + alarm_line(3, name.c_str(), true))) {
      told += (verdict.light == Light::kBad || verdict.light == Light::kWatch) && verdict.remedy == "do this";
    }
    EXPECT_EQ(told, 1) << name;
  }
}

TEST_F(Verdicts, AMildAlarmIsWatchedAndOneThatIsOverIsOnlyTold) {
  const auto dying = of(steps(3) + alarm_line(3, "dying", true)).at(kExperts);
  EXPECT_EQ(dying.light, Light::kWatch);
  EXPECT_TRUE(dying.answer.starts_with("Watch it: expert 1 is dying.")) << dying.answer;
  const auto over =
      of(steps(3) + alarm_line(3, "dead", true) + step_line(4) + alarm_line(4, "dead", false)).at(kExperts);
  EXPECT_EQ(over.light, Light::kGood);
  EXPECT_TRUE(over.answer.ends_with(" 1 alarm was raised and is over.")) << over.answer;
}

TEST_F(Verdicts, WithoutAMeasureTheRouterIsNotJudged) {
  EXPECT_EQ(of(steps(3)).at(kRouter).light, Light::kWatch);
}

TEST_F(Verdicts, AResumeIsExactWhereEveryStepIsThereOnceWithTheSameSettingsOnTheSameDevice) {
  const std::string resumed = "resumed   from output/x/checkpoints/step_00000002 (verified), 200 tokens seen";
  const std::string cpu = "device    cpu, 2 threads, fp32";
  const auto exact =
      of(steps(4), {cpu, cpu + "; other programs keep 1.5 of this machine's processors busy", resumed}).at(kResume);
  EXPECT_EQ(exact.light, Light::kGood);
  EXPECT_TRUE(exact.answer.starts_with("Yes. Taken up 1 time, at step 2,")) << exact.answer;
  EXPECT_EQ(of(steps(4), {cpu, resumed, "changed   train.steps: 2 -> 4"}).at(kResume).light, Light::kWatch);
  EXPECT_EQ(of(steps(4), {cpu, "device    cuda, H100, bf16", resumed}).at(kResume).light, Light::kWatch);
  EXPECT_EQ(of(steps(2) + step_line(4), {cpu, cpu, resumed}).at(kResume).light, Light::kBad);
  EXPECT_EQ(of(steps(3) + step_line(3), {cpu, cpu, resumed}).at(kResume).light, Light::kBad);
}

TEST_F(Verdicts, ADenseModelIsNotAskedForItsRouter) {
  const auto found = of(step_line(1, "") + step_line(2, ""));
  EXPECT_EQ(found.size(), 3u);
  EXPECT_FALSE(found.contains(kRouter));
  EXPECT_EQ(found.at(kLearns).light, Light::kGood);
}

}  // namespace
}  // namespace mm
