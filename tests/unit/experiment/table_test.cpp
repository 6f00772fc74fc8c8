// The table as people and programs read it.
#include "experiment/result/table.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace mm {
namespace {

ExperimentFile a_file() {
  ExperimentFile file;
  file.path = "configs/experiments/trial.json";
  file.name = "trial";
  file.about = "Is it so?";
  file.base = "configs/moe_192.json";
  file.seeds = {1, 2};
  file.budget = {Budget::Kind::kTokens, 983040};
  file.compare_to = "dense";
  return file;
}

RunResult run_of(double loss) {
  RunResult run;
  run.state = RunResult::State::kFinished;
  run.tokens_per_second = 7000;
  run.evaluations = {{1, 100, 1, loss + 1, 2}, {2, 200, 2, loss, 1.5}};
  return run;
}

std::vector<VariantResults> results() {
  RunResult failed;
  failed.state = RunResult::State::kFailed;
  failed.failure = "exit code 5: it diverged";
  RunResult sick = run_of(5.25);
  sick.alarms = 3;
  sick.dead_experts = 1;
  return {{"dense", {}, 2, {run_of(5.5), run_of(5.6)}},
          {"moe", {{"model.num_experts", "4"}}, 2, {sick, run_of(5.35)}},
          {"wild", {{"optim.learning_rate", "1"}}, 2, {failed, RunResult{}}}};
}

TEST(ExperimentTable, OfTheTerminalIsAligned) {
  const ExperimentFile file = a_file();
  EXPECT_EQ(
      terminal_table(file, compare(results(), "dense")),
      "variant  validation loss  bits/byte        difference to dense         so it is  tok/s   x tokens           x "
      "seconds          dead  alarms  runs\n"
      "dense    5.5500 ± 0.6353  1.5000 ± 0.0000  -                           -         7.00 k  -                  -   "
      "               0     0       2\n"
      "moe      5.3000 ± 0.6353  1.5000 ± 0.0000  -0.2500 (-0.2500..-0.2500)  better    7.00 k  1.14 (1.14..1.14)  "
      "1.14 (1.14..1.14)  1     3       2\n"
      "wild     -                -                -                           -         -       -                  -   "
      "               0     0       0 of 2, 1 failed\n"
      "983,040 tokens each, 2 seeds; means and differences with their 95% intervals\n"
      "a difference is taken seed by seed, and decided when its interval leaves out 0\n"
      "x tokens, x seconds: what dense needs for the same loss, as a multiple of the variant's\n"
      "failed      wild: exit code 5: it diverged");
}

TEST(ExperimentTable, AsMarkdownNamesItsFile) {
  const std::string text = markdown_table(a_file(), compare(results(), "dense"));
  EXPECT_EQ(text.substr(0, text.find("| dense")),
            "# trial\n\nIs it so?\n\n```\nexperiment configs/experiments/trial.json\n```\n\n"
            "| variant | validation loss | bits/byte | difference to dense | so it is | tok/s | x tokens | x seconds | "
            "dead | alarms | runs |\n| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n");
  EXPECT_NE(text.find("| wild | - | - | - | - | - | - | - | 0 | 0 | 0 of 2, 1 failed |"), std::string::npos) << text;
  EXPECT_NE(text.find("\n- failed: wild: exit code 5: it diverged\n"), std::string::npos) << text;
}

TEST(ExperimentTable, AsJsonHoldsEveryNumber) {
  const std::vector<VariantResults> all = results();
  const auto json = nlohmann::json::parse(json_table(a_file(), all, compare(all, "dense")));
  EXPECT_EQ(json["budget"]["tokens"], 983040);
  EXPECT_EQ(json["variants"][1]["verdict"], "better");
  EXPECT_EQ(json["variants"][1]["settings"]["model.num_experts"], 4);
  EXPECT_NEAR(json["variants"][1]["difference"]["mean"].get<double>(), -0.25, 1e-12);
  EXPECT_EQ(json["variants"][1]["runs"][0]["evaluations"][1]["loss"], 5.25);
  EXPECT_TRUE(json["variants"][0]["difference"].is_null());
  EXPECT_TRUE(json["variants"][2]["loss"]["mean"].is_null());
  EXPECT_EQ(json["variants"][2]["runs"][0]["failure"], "exit code 5: it diverged");
  EXPECT_EQ(json["variants"][2]["runs"][1]["state"], "missing");
}

}  // namespace
}  // namespace mm
