// Statistics worked out by hand, and the experts that they are bad for.
#include "metrics/load_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

#include "metrics/alarms/expert_alarms.h"

namespace mm {
namespace {

TEST(LoadStatistics, EvenLoadIsTheZeroOfEveryMeasure) {
  const LoadStatistics result = load_statistics({1, 4, {100, 100, 100, 100}});
  const LayerLoadStatistics& layer = result.layers.at(0);
  EXPECT_DOUBLE_EQ(layer.max_over_mean, 1);
  EXPECT_DOUBLE_EQ(layer.coefficient_of_variation, 0);
  EXPECT_DOUBLE_EQ(layer.entropy, std::log(4.0));
  EXPECT_DOUBLE_EQ(layer.normalised_entropy, 1);
  EXPECT_EQ(layer.dead, 0);
}

TEST(LoadStatistics, CollapseOntoOneExpertIsTheOtherEnd) {
  const LoadStatistics result = load_statistics({1, 4, {0, 400, 0, 0}});
  const LayerLoadStatistics& layer = result.layers.at(0);
  EXPECT_DOUBLE_EQ(layer.max_over_mean, 4);
  EXPECT_DOUBLE_EQ(layer.coefficient_of_variation, std::sqrt(3.0));
  EXPECT_DOUBLE_EQ(layer.entropy, 0);
  EXPECT_DOUBLE_EQ(layer.normalised_entropy, 0);
  EXPECT_EQ(layer.dead, 3);
}

TEST(LoadStatistics, UnevenLoadGivesTheHandMadeNumbers) {
  const LoadStatistics result = load_statistics({1, 4, {10, 20, 30, 40}});
  const LayerLoadStatistics& layer = result.layers.at(0);
  EXPECT_EQ(layer.shares, (std::vector<double>{0.1, 0.2, 0.3, 0.4}));
  EXPECT_DOUBLE_EQ(layer.max_over_mean, 1.6);
  EXPECT_NEAR(layer.coefficient_of_variation, std::sqrt(125.0) / 25, 1e-15);  // population variance 125, mean 25
  EXPECT_NEAR(layer.entropy, 1.2798542258336676, 1e-15);
  EXPECT_NEAR(layer.normalised_entropy, 1.2798542258336676 / std::log(4.0), 1e-15);
}

TEST(LoadStatistics, OverallSharesAndDeadExpertsSpanTheLayers) {
  const LoadStatistics result = load_statistics({2, 2, {30, 70, 100, 0}});
  EXPECT_DOUBLE_EQ(result.min_share, 0);
  EXPECT_DOUBLE_EQ(result.max_share, 1);
  EXPECT_EQ(result.dead, 1);
}

TEST(LoadStatistics, ALayerWithoutTokensHasZerosAndNoNan) {
  const LoadStatistics result = load_statistics({1, 3, {0, 0, 0}});
  EXPECT_EQ(result.layers.at(0).max_over_mean, 0);
  EXPECT_EQ(result.layers.at(0).entropy, 0);
  EXPECT_EQ(result.dead, 3);
}

TEST(LoadStatistics, OneExpertAloneIsBalanced) {
  EXPECT_DOUBLE_EQ(load_statistics({1, 1, {5}}).layers.at(0).normalised_entropy, 1);
}

TEST(LoadStatistics, DenseModelHasNoLayers) {
  EXPECT_TRUE(load_statistics({}).layers.empty());
}

std::vector<ExpertAlarm> alarms_of(const ExpertLoad& load) {
  return expert_alarms(load, load_statistics(load), {});
}

TEST(ExpertAlarms, NameEachExpertInTroubleLayerByLayer) {
  // Fair share 25%: layer 0 has an over-subscribed and a dying expert, layer 1 a dead one.
  const std::vector<ExpertAlarm> alarms = alarms_of({2, 4, {600, 200, 180, 20, 400, 0, 300, 300}});
  ASSERT_EQ(alarms.size(), 3u);
  const auto expect = [&](size_t i, ExpertTrouble trouble, int64_t layer, int64_t expert, double share) {
    EXPECT_EQ(alarms[i].trouble, trouble) << i;
    EXPECT_EQ(alarms[i].layer, layer) << i;
    EXPECT_EQ(alarms[i].expert, expert) << i;
    EXPECT_EQ(alarms[i].share, share) << i;
  };
  expect(0, ExpertTrouble::kOverSubscribed, 0, 0, 0.6);
  expect(1, ExpertTrouble::kDying, 0, 3, 0.02);
  expect(2, ExpertTrouble::kDead, 1, 1, 0);
}

TEST(ExpertAlarms, TheThresholdsThemselvesAreStillFine) {
  EXPECT_TRUE(alarms_of({1, 4, {500, 25, 237, 238}}).empty());  // exactly 2 and 0.1 fair shares
}

TEST(ExpertAlarms, TwoExpertsCannotBeOverSubscribed) {
  EXPECT_TRUE(alarms_of({1, 2, {900, 100}}).empty());
}

TEST(ExpertAlarms, FewTokensRaiseNoAlarm) {
  EXPECT_TRUE(alarms_of({1, 4, {0, 10, 20, 30}}).empty());
}

}  // namespace
}  // namespace mm
