// `--replay-step`: a step of a run that is over is taken again, to see what went wrong in it.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "core/text.h"
#include "workplace.h"

namespace {

Finished replayed(const Workplace& workplace, const std::string& config, const std::string& run, int64_t step,
                  const Words& settings = {}) {
  Words words = train(config, run, settings);
  words.insert(words.end(), {"--replay-step", std::to_string(step)});
  return workplace.pretrain(words);
}

/// The first record of a step that `wanted` says yes to.
template <class Wanted>
nlohmann::json first_step(const Workplace& workplace, const std::string& run, const Wanted& wanted) {
  std::istringstream lines(workplace.read("output/" + run + "/metrics.jsonl"));
  for (std::string line; std::getline(lines, line);) {
    nlohmann::json record = nlohmann::json::parse(line);
    if (record.at("type") == "step" && wanted(record)) return record;
  }
  return {};
}

TEST(ReplayStep, IsTheStepThatWasAndChangesNothingOfTheRun) {
  const Workplace workplace;
  const Words keeping = {"checkpoint.keep=4"};
  ASSERT_EQ(workplace.pretrain(train("moe", "run", keeping)).exit_code, 0);
  ASSERT_EQ(workplace.pretrain(train("moe", "same", keeping)).exit_code, 0);
  const nlohmann::json step =
      first_step(workplace, "run", [](const nlohmann::json& record) { return record.at("step") == 13; });
  const Finished told = replayed(workplace, "moe", "run", 13, keeping);
  EXPECT_EQ(told.exit_code, 0) << told.err;
  expect_contains(told.out, "step 13  replayed from output/run/checkpoints/step_00000010\n");
  expect_contains(
      told.out, mm::format("loss %.6g, gradient norm %.6g, learning rate %.4g: taken\n", step.at("loss").get<double>(),
                           step.at("grad_norm").get<double>(), step.at("learning_rate").get<double>()));
  expect_contains(told.out, "forward pass: finite\n");
  EXPECT_EQ(differences(workplace, "run", "same", 20), Words());
}

TEST(ReplayStep, NamesWhereAStepWentWrong) {
  const Workplace workplace;
  // In fp16 weights that have grown this fast overflow in the next pass.
  const Words too_fast = {"train.precision=fp16", "optim.learning_rate=10", "schedule.warmup_steps=0",
                          "optim.max_grad_norm=0", "train.steps=60"};
  ASSERT_EQ(workplace.pretrain(train("dense", "run", too_fast)).exit_code, 5);
  const nlohmann::json step =
      first_step(workplace, "run", [](const nlohmann::json& record) { return record.at("skipped") == true; });
  ASSERT_TRUE(step.is_object());
  const Finished told = replayed(workplace, "dense", "run", step.at("step"), too_fast);
  EXPECT_EQ(told.exit_code, 0) << told.err;
  expect_contains(told.out, ": left out, as it is not finite\n");
  expect_contains(told.out, "forward pass: values that are not finite, first in layer ");
  expect_contains(told.out, "backward pass: gradients that are not finite, first of ");
}

TEST(ReplayStep, OfARunThatIsNotThereSaysSo) {
  const Workplace workplace;
  const Finished told = replayed(workplace, "dense", "nowhere", 3);
  EXPECT_EQ(told.exit_code, 2);
  expect_contains(told.err, "output/nowhere: got no such folder, want a run that has begun");
  // Nor is it a training.
  for (const int64_t step : {0, -3}) EXPECT_EQ(replayed(workplace, "dense", "nowhere", step).exit_code, 2) << step;
  EXPECT_FALSE(workplace.exists("output/nowhere"));
}

}  // namespace
