// Paired differences, compute multipliers, and how often an interval holds the truth.
#include "experiment/result/comparison.h"

#include <gtest/gtest.h>

#include <random>

namespace mm {
namespace {

/// A finished run with a validation every 100 tokens, 2 seconds each.
RunResult run_of(const std::vector<double>& losses) {
  RunResult run;
  run.state = RunResult::State::kFinished;
  for (const double loss : losses) {
    const auto count = static_cast<double>(run.evaluations.size() + 1);
    run.evaluations.push_back({static_cast<int64_t>(count), 100 * count, 2 * count, loss, loss / 3});
  }
  return run;
}

VariantResults variant(const std::string& name, std::vector<RunResult> runs) {
  return {name, {}, 4, std::move(runs)};
}

TEST(Comparison, DifferencesAreTakenSeedBySeed) {
  // Seeds differ by a whole nat, the variants by a tenth in each.
  const auto rows = compare({variant("base", {run_of({5}), run_of({6}), run_of({7})}),
                             variant("other", {run_of({4.9}), run_of({5.91}), run_of({6.89})})},
                            "base");
  EXPECT_FALSE(rows[0].difference);
  EXPECT_NEAR(rows[1].difference->mean, -0.1, 1e-12);
  EXPECT_EQ(verdict(*rows[1].difference), "better");
  EXPECT_GT(rows[1].loss.high, rows[0].loss.low);  // which the means alone would not have shown
}

TEST(Comparison, AVariantThatPassesTheBasesLossEarlyHasAMultiplierAboveOne) {
  const RunResult base = run_of({6, 5, 4, 3}), fast = run_of({5, 3.5, 2.5, 2});
  const auto rows = compare({variant("base", {base}), variant("fast", {fast})}, "base");
  // 3 lies half way between 200 and 300 tokens.
  EXPECT_NEAR(rows[1].token_multiplier->mean, 400 / 250.0, 1e-12);
  EXPECT_NEAR(rows[1].second_multiplier->mean, 8 / 5.0, 1e-12);
  // And the other way round.
  const auto turned = compare({variant("fast", {fast}), variant("base", {base})}, "fast");
  EXPECT_NEAR(turned[1].token_multiplier->mean, 250 / 400.0, 1e-12);
}

TEST(Comparison, FailedAndMissingRunsAreCountedAndLeftOut) {
  RunResult failed;
  failed.state = RunResult::State::kFailed;
  failed.failure = "exit code 5: diverged";
  const auto rows = compare(
      {variant("base", {run_of({5}), run_of({6}), run_of({7})}), variant("other", {run_of({4}), failed, RunResult{}})},
      "base");
  EXPECT_EQ(rows[1].finished, 1);
  EXPECT_EQ(rows[1].failed, 1);
  EXPECT_EQ(rows[1].missing, 1);
  EXPECT_EQ(rows[1].failure, "exit code 5: diverged");
  EXPECT_EQ(rows[1].difference->count, 1);
  EXPECT_EQ(verdict(*rows[1].difference), "not decided");
}

TEST(Comparison, IntervalsHoldTheTruthIn95PercentOfAThousandExperiments) {
  constexpr double kTruth = -0.02, kBase = 5.4;
  constexpr int kExperiments = 1000;
  std::mt19937_64 engine(1);
  std::normal_distribution<double> of_seed(0, 0.05), of_run(0, 0.01);
  for (const int seeds : {2, 3, 5}) {
    int difference_holds = 0, mean_holds = 0, wrong = 0;
    for (int experiment = 0; experiment < kExperiments; ++experiment) {
      std::vector<RunResult> base, other;
      for (int seed = 0; seed < seeds; ++seed) {
        const double common = of_seed(engine);  // data order and first weights
        base.push_back(run_of({kBase + common + of_run(engine)}));
        other.push_back(run_of({kBase + kTruth + common + of_run(engine)}));
      }
      const ComparisonRow row = compare({variant("base", base), variant("other", other)}, "base")[1];
      difference_holds += row.difference->low <= kTruth && kTruth <= row.difference->high;
      mean_holds += row.loss.low <= kBase + kTruth && kBase + kTruth <= row.loss.high;
      wrong += verdict(*row.difference) == "worse";
    }
    EXPECT_NEAR(difference_holds, 950, 20) << seeds;
    EXPECT_NEAR(mean_holds, 950, 20) << seeds;
    EXPECT_LE(wrong, 25) << seeds;
  }
}

TEST(Comparison, EqualVariantsAreDecidedInFivePercentOfAThousandExperiments) {
  std::mt19937_64 engine(2);
  std::normal_distribution<double> noise(0, 0.01);
  int decided = 0;
  for (int experiment = 0; experiment < 1000; ++experiment) {
    std::vector<RunResult> base, other;
    for (int seed = 0; seed < 3; ++seed) {
      base.push_back(run_of({5 + noise(engine)}));
      other.push_back(run_of({5 + noise(engine)}));
    }
    decided += verdict(*compare({variant("a", base), variant("b", other)}, "a")[1].difference) != "not decided";
  }
  EXPECT_NEAR(decided, 50, 20);
}

}  // namespace
}  // namespace mm
