// Experiments unattended: what they say, and that nothing interrupts them for good.
#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <thread>

#include "core/text.h"
#include "workplace.h"

namespace {

constexpr int kStopped = 75;

/// An experiment on dense.json with two seeds and runs of 20 steps.
std::string experiment_of(const std::string& variants, const std::string& more = "") {
  return R"({"base": "dense.json", "seeds": [1, 2], "budget": {"tokens": 5120},
    "settings": {"sample.every": 0, "optim.learning_rate": 0.01)" +
         more + R"(}, "variants": )" + variants + "}";
}

nlohmann::json result_of(const Workplace& workplace, const std::string& name) {
  return nlohmann::json::parse(workplace.read("output/" + name + "/result.json"));
}

TEST(Experiment, TellsBetterWorseAndNotDecided) {
  const Workplace workplace;
  const auto write = [&](const std::string& variants) {
    workplace.write("trial.json", R"({"base": "dense.json", "seeds": [1, 2, 3], "budget": {"tokens": 5120},
      "settings": {"sample.every": 0, "optim.learning_rate": 0.03}, "variants": )" +
                                      variants + "}");
  };
  write(R"({"plain": {}, "comment": {"metrics.log_every": 3}, "wild": {"optim.learning_rate": 3}})");
  const Finished finished = workplace.experiment({"trial.json"});
  ASSERT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  const nlohmann::json result = result_of(workplace, "trial");
  EXPECT_EQ(result["variants"][1]["verdict"], "not decided");
  EXPECT_EQ(result["variants"][1]["difference"]["mean"], 0);
  EXPECT_EQ(result["variants"][2]["verdict"], "worse");
  for (const auto& variant : result["variants"]) EXPECT_EQ(variant["finished"], 3) << variant["name"];
  expect_contains(finished.out, "finished  wild/seed_3: loss ");
  expect_contains(finished.out, "result    output/trial/result.md, result.json and report.html\n");
  expect_contains(workplace.read("output/trial/report.html"), "<h1>trial</h1>");

  // The other way round it is better, and nothing is trained anew.
  write(R"({"wild": {"optim.learning_rate": 3}, "plain": {}})");
  const Finished again = workplace.experiment({"trial.json"});
  EXPECT_EQ(result_of(workplace, "trial")["variants"][1]["verdict"], "better");
  EXPECT_EQ(again.out.find("started"), std::string::npos) << again.out;
}

TEST(Experiment, KilledFiveTimesItEndsWithTheBytesOfOneThatWasNot) {
  const Workplace workplace;
  workplace.write("trial.json", experiment_of(R"({"adamw": {}, "muon": {"optim.type": "muon"}})"));
  ASSERT_EQ(workplace.experiment({"trial.json", "--name", "whole"}).exit_code, 0);

  const auto records = [&] {
    size_t lines = 0;
    for (const char* run : {"adamw/seed_1", "muon/seed_1", "adamw/seed_2", "muon/seed_2"}) {
      const std::string file = std::string("output/parts/") + run + "/metrics.jsonl";
      if (!workplace.exists(file)) continue;
      const std::string text = workplace.read(file);
      lines += static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
    }
    return lines;
  };
  // 24 lines a run.
  for (const size_t lines : {5, 20, 40, 55, 80}) {
    Program program = workplace.start_experiment({"trial.json", "--name", "parts"});
    program.wait_until([&] { return records() >= lines; });
    program.send(SIGKILL);
    program.wait();
  }
  const Finished last = workplace.experiment({"trial.json", "--name", "parts"});
  ASSERT_EQ(last.exit_code, 0) << last.out << last.err;
  for (const char* run : {"adamw/seed_1", "muon/seed_1", "adamw/seed_2", "muon/seed_2"}) {
    EXPECT_EQ(differences(workplace, std::string("whole/") + run, std::string("parts/") + run, 20), Words()) << run;
  }
  EXPECT_EQ(result_of(workplace, "parts")["variants"][1]["difference"],
            result_of(workplace, "whole")["variants"][1]["difference"]);
}

TEST(Experiment, ASignalLetsItsRunsSave) {
  const Workplace workplace;
  workplace.write("trial.json", experiment_of(R"({"a": {}, "b": {"optim.beta1": 0.8}})"));
  Program program = workplace.start_experiment({"trial.json", "--jobs", "2"});
  const auto has_begun = [&](const std::string& run) {
    const std::string file = "output/trial/" + run + "/metrics.jsonl";
    return workplace.exists(file) && workplace.read(file).find('\n') != std::string::npos;
  };
  program.wait_until([&] { return has_begun("a/seed_1") && has_begun("b/seed_1"); });
  program.send(SIGTERM);
  const Finished stopped = program.wait();
  EXPECT_EQ(stopped.exit_code, kStopped) << stopped.out << stopped.err;
  expect_contains(stopped.out, "stopped   the same command goes on\n");
  EXPECT_TRUE(workplace.exists("output/trial/a/seed_1/checkpoints"));
  EXPECT_EQ(workplace.experiment({"trial.json", "--jobs", "2"}).exit_code, 0);
  EXPECT_EQ(result_of(workplace, "trial")["variants"][1]["finished"], 2);
}

TEST(Experiment, AFailedRunIsARowAndNotTheEnd) {
  const Workplace workplace;
  workplace.write("trial.json", experiment_of(R"({"plain": {}, "lost": {"data.train": ["nothing.jsonl"]}})"));
  const Finished finished = workplace.experiment({"trial.json"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  expect_contains(finished.err,
                  "warning: lost/seed_1 failed: exit code 3: data.train: got nothing.jsonl, which is not ");
  expect_contains(finished.out, "failed      lost: exit code 3: data.train: got nothing.jsonl");
  EXPECT_EQ(result_of(workplace, "trial")["variants"][0]["finished"], 2);
  EXPECT_EQ(result_of(workplace, "trial")["variants"][1]["failed"], 2);
  EXPECT_EQ(workplace.experiment({"trial.json"}).err, "");
  expect_contains(workplace.experiment({"trial.json", "--retry"}).err, "warning: lost/seed_2 failed");
}

TEST(Experiment, CheckTellsWhatAllOfItCostsAndTouchesNothing) {
  const Workplace workplace;
  workplace.write("trial.json", experiment_of(R"({"adamw": {}, "muon": {"optim.type": "muon"}})"));
  const Finished finished = workplace.experiment({"trial.json", "--check"});
  EXPECT_EQ(finished.exit_code, 0) << finished.err;
  expect_contains(finished.out, "\nto do       4 of 4 runs of 5,120 tokens: ");
  EXPECT_FALSE(workplace.exists("output"));
}

TEST(Experiment, ABudgetOfSecondsDecidesTheStepsByTheSpeedThatItMeasures) {
  const Workplace workplace;
  workplace.write("trial.json", R"({"base": "dense.json", "seeds": [1], "budget": {"seconds": 0.2},
    "variants": {"whole": {}, "half": {"train.accumulation": 1}}})");
  const Finished finished = workplace.experiment({"trial.json"});
  EXPECT_EQ(finished.exit_code, 0) << finished.out << finished.err;
  expect_contains(finished.out, "speed     half: ");
  const nlohmann::json steps = nlohmann::json::parse(workplace.read("output/trial/steps.json"));
  const nlohmann::json result = result_of(workplace, "trial");
  for (const auto& variant : result["variants"]) {
    EXPECT_EQ(variant["finished"], 1);
    EXPECT_EQ(variant["steps"], steps["steps"][variant["name"].get<std::string>()]);
  }
}

TEST(Experiment, ChangedSettingsAreNotMixedWithTheRunsThatAreThere) {
  const Workplace workplace;
  workplace.write("trial.json", experiment_of(R"({"a": {}})"));
  ASSERT_EQ(workplace.experiment({"trial.json"}).exit_code, 0);
  workplace.write("trial.json", experiment_of(R"({"a": {"optim.beta1": 0.5}})"));
  const Finished refused = workplace.experiment({"trial.json"});
  EXPECT_EQ(refused.exit_code, 2);
  expect_contains(refused.err,
                  "output/trial/a/seed_1/config.json:optim.beta1: got 0.9, want 0.5 as the experiment says now");
}

}  // namespace
