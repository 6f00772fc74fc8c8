// Learning rates of every schedule at points that can be worked out by hand.
#include "optim/schedule.h"

#include <gtest/gtest.h>

#include <vector>

namespace mm {
namespace {

std::vector<double> factors(const ScheduleConfig& config, const std::vector<int64_t>& steps, int64_t total) {
  std::vector<double> values;
  for (int64_t step : steps) values.push_back(learning_rate_factor(step, total, config));
  return values;
}

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(actual[i], expected[i], 1e-6) << i;
}

TEST(Schedule, CosineGivesMinimindsValues) {
  expect_near(factors({}, {0, 250, 500, 750, 1000}, 1000), {1, 0.868198, 0.55, 0.231802, 0.1});
}

TEST(Schedule, WarmsUpLinearlyAndThenRunsTheWholeCosine) {
  ScheduleConfig config;
  config.warmup_steps = 4;
  expect_near(factors(config, {0, 1, 2, 3, 4, 54, 104}, 104), {0.25, 0.5, 0.75, 1, 1, 0.55, 0.1});
}

TEST(Schedule, WsdStaysAtThePeakAndDecaysLinearlyAtTheEnd) {
  ScheduleConfig config;
  config.type = "wsd";
  config.warmup_steps = 2;
  expect_near(factors(config, {0, 1, 2, 50, 80, 85, 90, 95, 100}, 100), {0.5, 1, 1, 1, 1, 0.775, 0.55, 0.325, 0.1});
}

TEST(Schedule, ConstantStaysAtThePeakAfterTheWarmUp) {
  ScheduleConfig config;
  config.type = "constant";
  config.warmup_steps = 2;
  expect_near(factors(config, {0, 1, 2, 99}, 100), {0.5, 1, 1, 1});
}

TEST(Schedule, EndsAtTheGivenShareOfThePeak) {
  for (const char* type : {"cosine", "wsd"}) {
    ScheduleConfig config;
    config.type = type;
    config.min_ratio = 0.25;
    EXPECT_NEAR(learning_rate_factor(60, 60, config), 0.25, 1e-12) << type;
  }
}

TEST(Schedule, StaysWithinZeroAndOneForAnyLengths) {
  for (const char* type : {"cosine", "wsd", "constant"}) {
    for (int64_t warmup : {0, 1, 5, 100}) {
      for (int64_t total : {1, 2, 7, 50}) {
        for (double decay_fraction : {0.0, 0.5, 1.0}) {
          const ScheduleConfig config{type, warmup, 0.1, decay_fraction};
          for (int64_t step = 0; step < total; ++step) {
            const double factor = learning_rate_factor(step, total, config);
            EXPECT_GT(factor, 0) << type << " " << warmup << " " << total << " " << step;
            EXPECT_LE(factor, 1) << type << " " << warmup << " " << total << " " << step;
          }
        }
      }
    }
  }
}

}  // namespace
}  // namespace mm
