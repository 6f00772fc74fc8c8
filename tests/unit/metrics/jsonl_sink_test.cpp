// The metric files: their bytes, and that a resumed run continues them as if it had never stopped.
#include "metrics/jsonl_sink.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <sstream>

#include "core/error.h"
#include "core/files/files.h"

namespace mm {
namespace {

std::string new_folder(const std::string& name) {
  const std::string folder = testing::TempDir() + "jsonl_sink_" + name;
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  return folder;
}

std::string text_of(const std::string& path) {
  return read_file(path, ExitCode::kData);
}

StepRecord step_record(int64_t step) {
  StepRecord record;
  record.step = step;
  record.tokens = 100;
  record.tokens_total = 100 * step;
  record.loss = 1.0 / static_cast<double>(step);
  record.load = {2, 2, {50, 50, 100, 0}};
  record.seconds = 0.25;
  return record;
}

void write_steps(JsonlSink& sink, int64_t first, int64_t last) {
  for (int64_t step = first; step <= last; ++step) {
    sink.write(step_record(step));
    if (step % 2 == 0) sink.write(EvaluationRecord{step, 10, 2.5, 12.18, 1.1, true, 0.5});
  }
}

TEST(JsonlSink, AStepIsOneLineWithNothingOfTime) {
  const std::string folder = new_folder("one_line");
  JsonlSink(folder, 0).write(step_record(4));
  EXPECT_EQ(text_of(folder + "/metrics.jsonl"),
            R"({"type":"step","step":4,"tokens":100,"tokens_total":400,"loss":0.25,"aux_loss":0.0,"z_loss":0.0,)"
            R"("grad_norm":0.0,"learning_rate":0.0,"loss_scale":1.0,"skipped":false,"expert_tokens":[[50,50],[100,0]],)"
            R"("dropped":0.0,"dead":1,"max_over_mean":[1.0,2.0],"cv":[0.0,1.0],"entropy":[0.6931471805599453,0.0]})"
            "\n");
  EXPECT_EQ(
      text_of(folder + "/timing.jsonl"),
      R"({"type":"step","step":4,"seconds":0.25,"tokens_per_second":400.0,"mfu":0.0,"data_seconds":0.0,"memory_bytes":0})"
      "\n");
}

TEST(JsonlSink, AnAlarmOfTimeIsNoPartOfWhatTheRunComputed) {
  const std::string folder = new_folder("of_time");
  EventRecord slow, spike;
  slow.type = spike.type = "alarm";
  slow.step = spike.step = 3;
  slow.name = "slow_data";
  slow.of_time = true;
  spike.name = "loss_spike";
  const EventRecord alarms[] = {slow, spike};
  JsonlSink(folder, 0).write_events(alarms);
  EXPECT_EQ(text_of(folder + "/metrics.jsonl").find("slow_data"), std::string::npos);
  EXPECT_NE(text_of(folder + "/metrics.jsonl").find("loss_spike"), std::string::npos);
  EXPECT_NE(text_of(folder + "/timing.jsonl").find("slow_data"), std::string::npos);
  EXPECT_EQ(text_of(folder + "/timing.jsonl").find("loss_spike"), std::string::npos);
}

TEST(JsonlSink, AnAlarmOfTimeThatStandsIsOverWhereTheRunIsTakenUpAgain) {
  const std::string folder = new_folder("of_time_resumed");
  const auto event = [](int64_t step, const char* type, const char* state) {
    EventRecord record;
    record.step = step;
    record.type = type;
    record.name = "slow_data";
    record.state = state;
    record.of_time = true;
    return std::array{record};
  };
  const auto of_alarms = [&] {
    std::istringstream lines(text_of(folder + "/timing.jsonl"));
    std::vector<std::string> found;
    for (std::string line; std::getline(lines, line);) {
      const auto record = nlohmann::json::parse(line);
      if (record.contains("state")) found.push_back(record["step"].dump() + " " + record["state"].get<std::string>());
    }
    return found;
  };
  using Lines = std::vector<std::string>;
  {
    JsonlSink sink(folder, 0);
    write_steps(sink, 1, 2);
    sink.write_events(event(2, "alarm", "raised"));
    write_steps(sink, 3, 4);
    sink.write_events(event(4, "event", "cleared"));
  }
  testing::internal::CaptureStdout();
  JsonlSink(folder, 4);
  EXPECT_EQ(of_alarms(), (Lines{"2 raised", "4 cleared"})) << "it was over";
  {
    JsonlSink sink(folder, 3);
    EXPECT_EQ(of_alarms(), (Lines{"2 raised", "3 cleared"})) << "that it was over has been cut off";
    write_steps(sink, 4, 4);
    sink.write_events(event(4, "alarm", "raised"));
    write_steps(sink, 5, 6);
    sink.rewind(5);
    EXPECT_EQ(of_alarms(), (Lines{"2 raised", "3 cleared", "4 raised", "5 cleared"}));
  }
  JsonlSink(folder, 5);
  EXPECT_EQ(of_alarms().size(), 4u) << "once is enough";
  testing::internal::GetCapturedStdout();
}

TEST(JsonlSink, DoublesReadBackToTheSameBits) {
  const std::string folder = new_folder("doubles");
  StepRecord record = step_record(1);
  record.loss = 0.1 + 0.2;
  record.grad_norm = std::numeric_limits<double>::denorm_min();
  record.aux_loss = std::numeric_limits<double>::quiet_NaN();
  record.z_loss = std::numeric_limits<double>::infinity();
  JsonlSink(folder, 0).write(record);
  const auto line = nlohmann::json::parse(text_of(folder + "/metrics.jsonl"));
  EXPECT_EQ(line["loss"].get<double>(), record.loss);
  EXPECT_EQ(line["grad_norm"].get<double>(), record.grad_norm);
  EXPECT_TRUE(line["aux_loss"].is_null());
  EXPECT_TRUE(line["z_loss"].is_null());
}

TEST(JsonlSink, ASampleThatEndsInsideACharacterIsStillJson) {
  const std::string folder = new_folder("sample");
  JsonlSink(folder, 0).write(SampleRecord{3, "a\"b", "\n\xe6\x9c"});
  const auto line = nlohmann::json::parse(text_of(folder + "/metrics.jsonl"));
  EXPECT_EQ(line["prompt"], "a\"b");
  EXPECT_EQ(line["text"], "\n\xef\xbf\xbd");
}

TEST(JsonlSink, AResumedRunWritesTheSameBytesAsAnUninterruptedOne) {
  const std::string through = new_folder("through"), resumed = new_folder("resumed");
  {
    JsonlSink sink(through, 0);
    write_steps(sink, 1, 9);
  }
  {
    JsonlSink sink(resumed, 0);
    write_steps(sink, 1, 6);
  }
  std::ofstream(resumed + "/metrics.jsonl", std::ios::app) << R"({"type":"step","step":7,"lo)";
  testing::internal::CaptureStdout();
  JsonlSink sink(resumed, 4);
  EXPECT_EQ(testing::internal::GetCapturedStdout(),
            resumed + ": cut back to step 4: 4 lines off metrics.jsonl, 3 off timing.jsonl\n");
  write_steps(sink, 5, 9);
  EXPECT_EQ(text_of(resumed + "/metrics.jsonl"), text_of(through + "/metrics.jsonl"));
  EXPECT_EQ(text_of(resumed + "/timing.jsonl"), text_of(through + "/timing.jsonl"));
}

TEST(JsonlSink, ResumingWhereItStoppedCutsNothingAndSaysNothing) {
  const std::string folder = new_folder("nothing_to_cut");
  {
    JsonlSink sink(folder, 0);
    write_steps(sink, 1, 4);
  }
  const std::string before = text_of(folder + "/metrics.jsonl");
  testing::internal::CaptureStdout();
  JsonlSink sink(folder, 4);
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(text_of(folder + "/metrics.jsonl"), before);
}

TEST(JsonlSink, WhatTheRunIsGoingToWriteAgainIsCutOff) {
  const std::string folder = new_folder("undone");
  {
    JsonlSink sink(folder, 0);
    write_steps(sink, 1, 2);
    sink.write(EvaluationRecord{.step = 2});
    sink.write(SampleRecord{2, "a", "b"});
  }
  const auto types = [&] {
    std::istringstream lines(text_of(folder + "/metrics.jsonl"));
    std::vector<std::string> all;
    for (std::string line; std::getline(lines, line);) all.push_back(nlohmann::json::parse(line).at("type"));
    return all;
  };
  JsonlSink(folder, 2, {"sample"});
  EXPECT_EQ(types().back(), "evaluation");
  JsonlSink(folder, 2, {"evaluation", "sample"});
  EXPECT_EQ(types().back(), "step");
  JsonlSink(folder, 2, {});
  EXPECT_EQ(types().back(), "step");
}

TEST(JsonlSink, AFreshRunStartsBothFilesAnew) {
  const std::string folder = new_folder("fresh");
  {
    JsonlSink sink(folder, 0);
    sink.write(EvaluationRecord{});
    write_steps(sink, 1, 2);
  }
  const JsonlSink sink(folder, 0);
  EXPECT_EQ(text_of(folder + "/metrics.jsonl"), "");
  EXPECT_EQ(text_of(folder + "/timing.jsonl"), "");
}

TEST(JsonlSink, ATailOfZerosFromAPowerCutIsCutOff) {
  const std::string folder = new_folder("zeros");
  {
    JsonlSink sink(folder, 0);
    write_steps(sink, 1, 1);
  }
  const std::string whole = text_of(folder + "/metrics.jsonl");
  std::ofstream(folder + "/metrics.jsonl", std::ios::app) << std::string(100, '\0') << "\n";
  const JsonlSink sink(folder, 5);
  EXPECT_EQ(text_of(folder + "/metrics.jsonl"), whole);
}

/// No file of this process may grow beyond that, as on a disk that is full; until it goes out of scope.
class FullDisk {
 public:
  explicit FullDisk(uint64_t bytes) {
    ::signal(SIGXFSZ, SIG_IGN);
    ::getrlimit(RLIMIT_FSIZE, &before_);
    rlimit now = before_;
    now.rlim_cur = bytes;
    ::setrlimit(RLIMIT_FSIZE, &now);
  }
  ~FullDisk() { ::setrlimit(RLIMIT_FSIZE, &before_); }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit before_{};
};

TEST(JsonlSink, RecordsWaitForRoomAndNothingCountsOnThemBefore) {
  const std::string whole = new_folder("always_room"), folder = new_folder("full_disk");
  JsonlSink undisturbed(whole, 0);
  write_steps(undisturbed, 1, 6);

  JsonlSink sink(folder, 0);
  write_steps(sink, 1, 2);
  const std::string before = text_of(folder + "/metrics.jsonl");
  {
    const FullDisk full(before.size() + 10);
    write_steps(sink, 3, 4);
    EXPECT_THROW(sink.sync(), Error);
  }
  EXPECT_EQ(text_of(folder + "/metrics.jsonl"), before);
  write_steps(sink, 5, 6);
  for (const char* file : {"/metrics.jsonl", "/timing.jsonl"}) EXPECT_EQ(text_of(folder + file), text_of(whole + file));
  EXPECT_NO_THROW(sink.sync());
}

TEST(JsonlSink, AFolderThatCannotBeWrittenIsAStorageError) {
  try {
    JsonlSink sink(testing::TempDir() + "no_such_folder_for_metrics", 0);
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kStorage);
  }
}

}  // namespace
}  // namespace mm
