// Intervals hold the truth as often as they say.
#include "experiment/result/statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mm {
namespace {

TEST(Statistics, StudentsTIsThatOfTheTables) {
  // https://www.itl.nist.gov/div898/handbook/eda/section3/eda3672.htm, column 0.975.
  const std::vector<std::pair<int64_t, double>> table = {{1, 12.706}, {2, 4.303},  {3, 3.182},  {4, 2.776},
                                                         {5, 2.571},  {10, 2.228}, {30, 2.042}, {100, 1.984}};
  for (const auto& [degrees, t] : table) EXPECT_NEAR(student_t95(degrees), t, 5e-4) << degrees;
}

TEST(Statistics, TheIntervalOfThreeValuesIsStudents) {
  const Interval interval = mean_interval({1, 2, 3});
  EXPECT_DOUBLE_EQ(interval.mean, 2);
  EXPECT_NEAR(interval.high - 2, 4.30265 / std::sqrt(3.0), 1e-4);
  EXPECT_NEAR(2 - interval.low, 4.30265 / std::sqrt(3.0), 1e-4);
}

TEST(Statistics, RatiosAreAveragedAsLogarithms) {
  const Interval interval = ratio_interval({0.5, 2});
  EXPECT_NEAR(interval.mean, 1, 1e-12);
  EXPECT_NEAR(interval.low * interval.high, 1, 1e-9);
}

TEST(Statistics, OneSeedDecidesNothingAndNeitherDoEqualRuns) {
  EXPECT_EQ(verdict(mean_interval({-1})), "not decided");
  EXPECT_EQ(verdict(mean_interval({})), "not decided");
  EXPECT_EQ(verdict(mean_interval({0, 0, 0})), "not decided");
  EXPECT_EQ(verdict(mean_interval({-0.1, 0.1, 0.05})), "not decided");
  EXPECT_EQ(verdict(mean_interval({-0.1, -0.11, -0.105})), "better");
  EXPECT_EQ(verdict(mean_interval({0.1, 0.11, 0.105})), "worse");
}

}  // namespace
}  // namespace mm
