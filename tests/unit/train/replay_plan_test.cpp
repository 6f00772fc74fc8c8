// The accumulation quirks of MiniMind's trainers, in numbers: the stored runs have 390 rows, batches of 4, accumulation
// 4 and 2 epochs, so that an epoch of 98 micro-steps ends within a group and with a short batch.
#include "train/replay/replay_plan.h"

#include <gtest/gtest.h>

namespace mm {
namespace {

constexpr ReplaySettings kSettings = {
    .rows = 390, .batch_size = 4, .accumulation = 4, .epochs = 2, .learning_rate = 5e-4};

ReplayPlan plan_of(std::string_view trainer, ReplayPoint start = {}) {
  return ReplayPlan(replay_rules(trainer), kSettings, start);
}

std::vector<int64_t> steps_of(std::span<const ReplayMicroStep> micro_steps) {
  std::vector<int64_t> steps;
  for (const ReplayMicroStep& micro_step : micro_steps) steps.push_back(micro_step.step);
  return steps;
}

TEST(ReplayPlan, HasAsManyUpdatesAsTheStoredRuns) {
  struct Want {
    std::string_view trainer;
    int64_t updates, lost;
  };
  for (const Want& want : {Want{"g2", 48, 2}, Want{"g3c", 48, 3}, Want{"g4", 50, 0}}) {
    const ReplayPlan plan = plan_of(want.trainer);
    EXPECT_EQ(plan.micro_batches_per_epoch(), 98);
    EXPECT_EQ(plan.updates(), want.updates) << want.trainer;
    EXPECT_EQ(std::ssize(plan.lost()), want.lost) << want.trainer;
  }
}

TEST(ReplayPlan, LeftoversGoToTheNextEpochAndAreLostAtTheEnd) {
  const ReplayPlan plan = plan_of("g2");
  EXPECT_EQ(steps_of(plan.of_update(0)), (std::vector<int64_t>{0, 1, 2, 3}));
  EXPECT_EQ(steps_of(plan.of_update(24)), (std::vector<int64_t>{96, 97, 0, 1, 2, 3}));
  EXPECT_EQ(steps_of(plan.lost()), (std::vector<int64_t>{96, 97}));
}

TEST(ReplayPlan, TheFirstUpdateOfWinterHasThreeMicroBatches) {
  const ReplayPlan plan = plan_of("g3c");
  EXPECT_EQ(steps_of(plan.of_update(0)), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(steps_of(plan.of_update(1)), (std::vector<int64_t>{4, 5, 6, 7}));
  EXPECT_EQ(steps_of(plan.of_update(24)), (std::vector<int64_t>{96, 97, 98, 1, 2, 3}));
  EXPECT_EQ(steps_of(plan.lost()), (std::vector<int64_t>{96, 97, 98}));
}

TEST(ReplayPlan, MiniMind3FlushesAtTheEndOfAnEpoch) {
  const ReplayPlan plan = plan_of("g4");
  EXPECT_EQ(steps_of(plan.of_update(24)), (std::vector<int64_t>{97, 98}));
  EXPECT_EQ(steps_of(plan.of_update(25)), (std::vector<int64_t>{1, 2, 3, 4}));
  EXPECT_EQ(steps_of(plan.of_update(49)), (std::vector<int64_t>{97, 98}));
}

TEST(ReplayPlan, MicroStepsAreNumberedOverAllEpochs) {
  for (const std::string_view trainer : replay_names()) {
    const ReplayPlan plan = plan_of(trainer);
    int64_t number = 0;
    for (int64_t update = 0; update < plan.updates(); ++update) {
      for (const ReplayMicroStep& micro_step : plan.of_update(update)) {
        EXPECT_EQ(micro_step.number, ++number);
        EXPECT_EQ(micro_step.epoch, (number - 1) / 98);
        EXPECT_EQ(micro_step.batch, (number - 1) % 98);
      }
      EXPECT_EQ(plan.last_number(update + 1), number);
    }
    EXPECT_EQ(number + std::ssize(plan.lost()), 196) << trainer;
    EXPECT_EQ(plan.last_number(0), 0);
  }
}

TEST(ReplayPlan, LearningRatesStartAtAllOrAtElevenTenths) {
  const double fractions[] = {0, 0.25, 0.5, 0.75, 1};
  const double from_one[] = {1, 0.868198, 0.55, 0.231802, 0.1}, from_more[] = {1.1, 0.953553, 0.6, 0.246447, 0.1};
  for (size_t i = 0; i < 5; ++i) {
    const auto t = static_cast<int64_t>(1000 * fractions[i]);
    for (const char* trainer : {"g1", "g3c", "g4"}) {
      EXPECT_NEAR(replay_learning_rate(replay_rules(trainer), 1, t, 1000), from_one[i], 5e-7);
    }
    for (const char* trainer : {"g2", "g3a", "g3b"}) {
      EXPECT_NEAR(replay_learning_rate(replay_rules(trainer), 1, t, 1000), from_more[i], 5e-7);
    }
  }
  EXPECT_DOUBLE_EQ(plan_of("g2").of_update(0)[0].learning_rate, 5.5e-4);
  EXPECT_DOUBLE_EQ(plan_of("g4").of_update(0)[0].learning_rate, 0.0004999710978049845);
}

TEST(ReplayPlan, GoesOnBehindTheMicroStepsThatPythonDid) {
  const ReplayPlan plan = plan_of("g4", {.epoch = 1, .step = 6});
  // The gradients of steps 5 and 6 are gone.
  EXPECT_EQ(steps_of(plan.of_update(0)), (std::vector<int64_t>{7, 8}));
  EXPECT_EQ(plan.of_update(0)[0].batch, 6);
  EXPECT_EQ(plan.of_update(0)[0].number, 98 + 7);
  EXPECT_DOUBLE_EQ(plan.of_update(0)[0].learning_rate, plan_of("g4").of_update(26)[2].learning_rate);
  EXPECT_EQ(plan.updates(), 24);
}

TEST(ReplayPlan, TheEndOfAnEpochGoesOnWithTheNext) {
  for (const char* trainer : {"g3b", "g3c", "g4"}) {
    const ReplayPlan plan = plan_of(trainer, {.epoch = 0, .step = 98});
    EXPECT_EQ(plan.of_update(0)[0].epoch, 1) << trainer;
    EXPECT_EQ(plan.of_update(0)[0].batch, 0) << trainer;
  }
}

TEST(ReplayPlan, AutumnPassesOverOneBatchTooManyOnResume) {
  const ReplayPlan plan = plan_of("g3b", {.epoch = 0, .step = 5});
  EXPECT_EQ(steps_of(plan.of_update(0)), (std::vector<int64_t>{6, 7}));
  EXPECT_EQ(plan.of_update(0)[0].batch, 6);
  // One micro-step fewer: batch 97 is step 97, and no step 98 is there to be carried over.
  EXPECT_EQ(steps_of(plan.of_update(23)), (std::vector<int64_t>{96, 97, 1, 2, 3}));
}

}  // namespace
}  // namespace mm
