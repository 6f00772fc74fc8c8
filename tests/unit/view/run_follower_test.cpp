// A run read back while it is written: what its sinks were told comes out again.
#include "view/history/run_follower.h"

#include <gtest/gtest.h>

#include <fstream>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text.h"
#include "metrics/jsonl_sink.h"
#include "tests/unit/core/temp_folder.h"

namespace mm {
namespace {

/// Keeps a word for each record.
class Heard : public MetricSink {
 public:
  void write(const StepRecord& record) override {
    words.push_back(format("step %lld of %lld: %.2f, %lld ms", static_cast<long long>(record.step),
                           static_cast<long long>(record.total_steps), record.loss,
                           static_cast<long long>(1000 * record.seconds)));
    for (const std::string& alarm : record.standing) words.back() += ", " + alarm;
  }
  void write(const EvaluationRecord& record) override { words.push_back(format("evaluation %.2f", record.loss)); }
  void write(const SampleRecord& record) override { words.push_back(record.prompt + "|" + record.text); }
  void write_events(std::span<const EventRecord> events) override {
    for (const EventRecord& event : events) words.push_back(event.type + " " + event.text);
  }

  /// What came since the last call.
  std::vector<std::string> take() { return std::exchange(words, {}); }

  std::vector<std::string> words;
};

using Words = std::vector<std::string>;

StepRecord step(int64_t number) {
  StepRecord record;
  record.step = number;
  record.loss = 5 - 0.25 * static_cast<double>(number);
  record.seconds = 0.5;
  return record;
}

void append(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::app) << text;
}

class Follower : public testing::Test {
 protected:
  Follower() { write_file_atomic(folder_ / "config.json", R"({"train": {"steps": 9}})"); }

  TempFolder folder_;
  Heard heard_;
};

TEST_F(Follower, TellsWhatTheSinksOfTheRunWereTold) {
  JsonlSink run(folder_.path(), 0);
  RunFollower follower(folder_.path());
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{});
  run.write(step(1));
  const EventRecord dead = {.step = 1,
                            .type = "alarm",
                            .name = "dead",
                            .state = "raised",
                            .layer = 2,
                            .expert = 3,
                            .text = "died",
                            .cause = {},
                            .remedy = {}};
  run.write_events({&dead, 1});
  run.write(step(2));
  EvaluationRecord evaluation;
  evaluation.step = 2;
  evaluation.loss = 4.5;
  run.write(evaluation);
  run.write(SampleRecord{2, "a", "b"});
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), (Words{"step 1 of 9: 4.75, 500 ms, layer 2 expert 3 dead", "alarm died",
                                  "step 2 of 9: 4.50, 500 ms, layer 2 expert 3 dead", "evaluation 4.50", "a|b"}));
  const EventRecord over = {.step = 3,
                            .type = "event",
                            .name = "dead",
                            .state = "cleared",
                            .layer = 2,
                            .expert = 3,
                            .text = "lives",
                            .cause = {},
                            .remedy = {}};
  run.write(step(3));
  run.write_events({&over, 1});
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), (Words{"step 3 of 9: 4.25, 500 ms", "event lives"}));
}

TEST_F(Follower, HearsOfAnAlarmOfTimeFromTheOtherFileThoughItComesLate) {
  JsonlSink run(folder_.path(), 0);
  RunFollower follower(folder_.path());
  const EventRecord slow = {.step = 1,
                            .type = "alarm",
                            .name = "slow_data",
                            .state = "raised",
                            .layer = -1,
                            .expert = {},
                            .text = "slow",
                            .cause = {},
                            .remedy = {},
                            .of_time = true};
  run.write(step(1));
  EXPECT_TRUE(follower.tell(heard_));
  run.write_events({&slow, 1});
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), (Words{"step 1 of 9: 4.75, 500 ms", "alarm slow"}));
  run.write(step(2));
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{"step 2 of 9: 4.50, 500 ms, data too slow"});
}

TEST_F(Follower, WaitsForTheEndOfALineAndOnceForTheTimingOfAStep) {
  RunFollower follower(folder_.path());
  append(folder_ / "metrics.jsonl", R"({"type":"step","step":1,"lo)");
  EXPECT_TRUE(follower.tell(heard_));
  append(folder_ / "metrics.jsonl", "ss\":3}\nnonsense\n");
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{});
  append(folder_ / "timing.jsonl", "{\"type\":\"step\",\"step\":1,\"seconds\":2}\n");
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{"step 1 of 9: 3.00, 2000 ms"});
  append(folder_ / "metrics.jsonl", "{\"type\":\"step\",\"step\":2,\"loss\":null}\n");
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{"step 2 of 9: nan, 0 ms"});
}

TEST_F(Follower, ARunThatWentBackIsToldAnew) {
  RunFollower follower(folder_.path());
  {
    JsonlSink run(folder_.path(), 0);
    for (int64_t number = 1; number <= 3; ++number) run.write(step(number));
  }
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take().size(), 3u);
  JsonlSink resumed(folder_.path(), 1);
  EXPECT_FALSE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{});
  EXPECT_TRUE(follower.tell(heard_));
  EXPECT_EQ(heard_.take(), Words{"step 1 of 9: 4.75, 500 ms"});
}

TEST_F(Follower, AFolderThatIsNotThereIsAnError) {
  EXPECT_THROW(RunFollower("/nowhere/at/all"), Error);
}

}  // namespace
}  // namespace mm
