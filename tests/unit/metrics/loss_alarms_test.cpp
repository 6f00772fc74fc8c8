// The loss of a run: what is an alarm, what it says, and that a healthy one raises none.
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <random>

#include "metrics/alarms/alarm_watch.h"

namespace mm {
namespace {

using Names = std::vector<std::string>;

constexpr int64_t kVocabulary = 6400;  // guessing costs 8.764 nats
const double kGuessing = std::log(6400.0);

/// A run of losses, judged step by step.
class LossRun {
 public:
  explicit LossRun(AlarmConfig config = {}) : watch(config, 1, kVocabulary) {}

  /// Steps whose loss is a function of the step, counted from 1 over the whole run.
  void train(int64_t steps, const std::function<double(int64_t)>& loss) {
    for (int64_t i = 0; i < steps; ++i) {
      StepRecord record;
      record.step = ++step;
      record.loss = loss(step);
      note(watch.observe(record));
    }
  }
  void validate(double loss) {
    EvaluationRecord record;
    record.step = step;
    record.loss = loss;
    note(watch.observe(record));
  }
  void note(const std::vector<EventRecord>& events) {
    for (const EventRecord& event : events) {
      told.push_back((event.state == "cleared" ? "-" : "") + event.name);
      all.push_back(event);
      EXPECT_EQ(event.layer, kWholeModel);
    }
  }

  AlarmWatch watch;
  int64_t step = 0;
  Names told;
  std::vector<EventRecord> all;
};

std::function<double(int64_t)> constant(double loss) {
  return [loss](int64_t) { return loss; };
}

/// As small models learn: from guessing down to 3.5, with the noise of small batches.
std::function<double(int64_t)> healthy(uint64_t seed, double noise) {
  return [generator = std::mt19937(seed), noise](int64_t step) mutable {
    std::normal_distribution<double> normal;
    return 3.5 + (kGuessing + 0.1 - 3.5) * std::exp(-static_cast<double>(step) / 300) + noise * normal(generator);
  };
}

TEST(LossAlarms, TenHealthyRunsRaiseNone) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    LossRun run;
    const auto loss = healthy(seed, 0.02 * static_cast<double>(seed));
    for (int block = 0; block < 20; ++block) {
      run.train(100, loss);
      run.validate(3.6 + 5 * std::exp(-static_cast<double>(run.step) / 300));
    }
    EXPECT_EQ(run.told, Names{}) << seed;
  }
}

TEST(LossAlarms, ASpikeIsToldWhenItLastsAndIsOverWhenItIsOver) {
  LossRun run;
  run.train(200, healthy(1, 0.05));
  run.train(1, constant(8));  // one batch alone
  EXPECT_EQ(run.told, Names{});
  run.train(30, healthy(2, 0.05));
  run.train(3, constant(8));
  EXPECT_EQ(run.told, Names{"loss_spike"});
  EXPECT_TRUE(run.all[0].text.starts_with("the loss is 8, far from its trend for 2 steps")) << run.all[0].text;
  EXPECT_FALSE(run.all[0].cause.empty() || run.all[0].remedy.empty());
  run.train(30, healthy(3, 0.05));
  EXPECT_EQ(run.told, (Names{"loss_spike", "-loss_spike"}));
}

TEST(LossAlarms, ANewLevelBecomesTheTrend) {
  LossRun run;
  run.train(200, constant(4));
  run.train(400, constant(4.4));  // other text from here on
  EXPECT_EQ(run.told, (Names{"loss_spike", "-loss_spike"}));
}

TEST(LossAlarms, AnExplosionIsToldAtOnceAndNothingMilderBesides) {
  LossRun run;
  run.train(200, healthy(1, 0.05));
  run.train(1, constant(kGuessing + 1.5));
  EXPECT_EQ(run.told, Names{"loss_explosion"});
  run.train(60, constant(kGuessing + 2));
  EXPECT_EQ(run.told, Names{"loss_explosion"});
  EXPECT_EQ(run.watch.standing().size(), 1u);
  EXPECT_EQ(alarm_in_short(run.watch.standing()[0]), "loss exploded");
}

TEST(LossAlarms, FirstWeightsMayBeWorseThanAGuess) {
  LossRun run;
  run.train(20, constant(kGuessing + 3));
  EXPECT_EQ(run.told, Names{});
}

TEST(LossAlarms, AFlatLineAtGuessingIsStuck) {
  LossRun run;
  run.train(199, constant(kGuessing));
  EXPECT_EQ(run.told, Names{});
  run.train(100, constant(kGuessing));
  EXPECT_EQ(run.told, Names{"loss_stuck"});
}

TEST(LossAlarms, WeightsThatAreUnlearnedAreWorseThanAtTheStart) {
  LossRun run;
  run.train(100, constant(3));
  run.train(400, [](int64_t step) { return std::min(3 + 0.004 * static_cast<double>(step - 100), 4.2); });
  EXPECT_EQ(run.told, Names{"loss_worse"});
}

TEST(LossAlarms, AValidationLossThatRisesFarAboveTheTrainingLossIsOverfit) {
  LossRun run;
  run.train(100, constant(2));
  run.validate(3);  // text of another kind: further away, but it does not rise
  run.validate(2.9);
  run.validate(2.9);
  EXPECT_EQ(run.told, Names{});
  run.validate(3.1);
  run.validate(3.2);
  EXPECT_EQ(run.told, Names{"loss_gap"});
  run.validate(2.8);
  run.validate(2.8);
  EXPECT_EQ(run.told, (Names{"loss_gap", "-loss_gap"}));
}

TEST(LossAlarms, ASkippedStepIsNotJudged) {
  LossRun run;
  run.train(100, constant(3));
  StepRecord record;
  record.skipped = true;
  record.loss = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(run.watch.observe(record).empty());
  run.train(5, constant(3));
  EXPECT_EQ(run.told, Names{});
}

TEST(LossAlarms, ARestoredWatchGoesOnAsTheOtherWould) {
  LossRun whole, part;
  const auto train = [](LossRun& run) { run.train(150, healthy(1, 0.05)); };
  train(whole);
  train(part);
  LossRun resumed;
  resumed.step = part.step;
  resumed.watch.restore(part.watch.state());
  for (LossRun* run : {&whole, &resumed}) {
    run->train(3, constant(8.5));
    run->validate(7);
  }
  ASSERT_EQ(whole.told, Names{"loss_spike"});
  ASSERT_EQ(resumed.told, whole.told);
  EXPECT_EQ(resumed.all[0].text, whole.all[0].text);
  EXPECT_EQ(resumed.watch.state(), whole.watch.state());
}

TEST(LossAlarms, OfACheckpointFromBeforeTheyWereWatchedBeginAnew) {
  AlarmWatch watch({}, 1, kVocabulary);
  watch.restore(R"({"streaks": [], "last_bias": [], "enough_tokens": true})");
  StepRecord record;
  record.loss = 3;
  EXPECT_TRUE(watch.observe(record).empty());
}

}  // namespace
}  // namespace mm
