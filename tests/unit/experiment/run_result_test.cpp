// The files of a run, read while it may be writing them.
#include "experiment/run_result.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "core/files/files.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

using State = RunResult::State;

constexpr const char* kMetrics = R"({"type":"step","step":1,"tokens_total":100,"loss":6}
{"type":"alarm","step":1,"name":"dead","state":"raised","layer":0,"expert":2}
{"type":"alarm","step":1,"name":"dead","state":"raised","layer":1,"expert":2}
{"type":"step","step":2,"tokens_total":200,"loss":5}
{"type":"event","step":2,"name":"dead","state":"cleared","layer":0,"expert":2}
{"type":"evaluation","step":2,"loss":5.5,"bits_per_byte":1.5}
{"type":"step","step":3,"tokens_total":300,"loss":5}
{"type":"step","step":4,"tokens_total":400,"loss":5}
{"type":"evaluation","step":4,"loss":5.25,"bits_per_byte":1.25}
{"type":"sam)";

constexpr const char* kTiming = R"({"type":"step","step":1,"seconds":9,"tokens_per_second":11}
{"type":"step","step":2,"seconds":1,"tokens_per_second":100}
{"type":"evaluation","step":2,"seconds":50}
{"type":"step","step":3,"seconds":2,"tokens_per_second":50}
{"type":"step","step":4,"seconds":2,"tokens_per_second":50}
)";

struct RunFolder {
  RunFolder() {
    write_file_atomic(path + "/metrics.jsonl", kMetrics);
    write_file_atomic(path + "/timing.jsonl", kTiming);
  }
  void save(const std::string& step) const { std::filesystem::create_directories(path + "/checkpoints/" + step); }

  TempFolder folder;
  std::string path = folder / "run";
};

TEST(RunResult, TellsLossesByTokensAndSecondsOfSteps) {
  const RunFolder run;
  run.save("step_00000004");
  const RunResult result = read_run_result(run.path, 4);
  EXPECT_EQ(result.state, State::kFinished);
  ASSERT_EQ(result.evaluations.size(), 2u);
  EXPECT_EQ(result.evaluations[0].tokens, 200);
  EXPECT_EQ(result.evaluations[0].seconds, 10);  // without the validation
  EXPECT_EQ(result.end().tokens, 400);
  EXPECT_EQ(result.end().seconds, 14);
  EXPECT_EQ(result.end().loss, 5.25);
  EXPECT_EQ(result.end().bits_per_byte, 1.25);
  EXPECT_EQ(result.tokens_per_second, 50);
  EXPECT_EQ(result.seconds_per_step, 2);
  EXPECT_EQ(result.alarms, 2);
  EXPECT_EQ(result.dead_experts, 1);
  EXPECT_EQ(last_recorded_step(run.path), 4);
}

TEST(RunResult, ARunIsFinishedWhenItsLastStepIsValidatedAndSaved) {
  const RunFolder run;
  EXPECT_EQ(read_run_result(run.path, 4).state, State::kBegun);  // not saved
  run.save("step_00000004");
  EXPECT_EQ(read_run_result(run.path, 4).state, State::kFinished);
  EXPECT_EQ(read_run_result(run.path, 5).state, State::kBegun);
  EXPECT_EQ(read_run_result(run.path + "2", 4).state, State::kMissing);
  EXPECT_EQ(last_recorded_step(run.path + "2"), 0);
}

TEST(RunResult, AFailureIsRememberedUntilItIsTakenBack) {
  const RunFolder run;
  write_failure(run.path, 5, "exit code 5: diverged");
  const RunResult result = read_run_result(run.path, 8);
  EXPECT_EQ(result.state, State::kFailed);
  EXPECT_EQ(result.failure, "exit code 5: diverged");
  remove_failure(run.path);
  EXPECT_EQ(read_run_result(run.path, 8).state, State::kBegun);
}

}  // namespace
}  // namespace mm
