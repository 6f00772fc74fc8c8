// Which tokens may be drawn, how often, and that the seed decides.
#include "eval/generation/token_choice.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <map>

#include "core/error.h"

namespace mm {
namespace {

/// Probabilities 0.4, 0.3, 0.2, 0.06, 0.04, at ids that are not in this order.
const std::vector<float> kLogits = {std::log(0.06f), std::log(0.3f), std::log(0.4f), std::log(0.04f), std::log(0.2f)};

std::map<int32_t, double> frequencies(const SamplingRule& rule, const std::vector<int32_t>& seen = {}) {
  constexpr int kDraws = 20000;
  TokenChooser chooser(rule, 1);
  std::map<int32_t, double> shares;
  for (int i = 0; i < kDraws; ++i) shares[chooser.choose(kLogits, seen)] += 1.0 / kDraws;
  return shares;
}

void expect_shares(const std::map<int32_t, double>& got, const std::map<int32_t, double>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (const auto& [id, share] : want) EXPECT_NEAR(got.at(id), share, 0.015) << id;
}

TEST(TokenChooser, DrawsByProbabilityAmongTheTokensThatEachRuleLeaves) {
  const auto rule = [](SamplingRule changed) {
    changed.temperature = 1;
    return changed;
  };
  expect_shares(frequencies(rule({.top_p = 1})), {{0, 0.06}, {1, 0.3}, {2, 0.4}, {3, 0.04}, {4, 0.2}});
  expect_shares(frequencies(rule({.top_k = 2, .top_p = 1})), {{2, 4.0 / 7}, {1, 3.0 / 7}});
  expect_shares(frequencies(rule({.top_k = 100, .top_p = 1})), {{0, 0.06}, {1, 0.3}, {2, 0.4}, {3, 0.04}, {4, 0.2}});
  expect_shares(frequencies(rule({.top_p = 0.69})), {{2, 4.0 / 7}, {1, 3.0 / 7}});
  expect_shares(frequencies(rule({.top_p = 0.71})), {{2, 4.0 / 9}, {1, 3.0 / 9}, {4, 2.0 / 9}});
  expect_shares(frequencies(rule({.top_p = 1, .min_p = 0.3})), {{2, 4.0 / 9}, {1, 3.0 / 9}, {4, 2.0 / 9}});
  // Of the two that top-k leaves, one has 0.57 already.
  expect_shares(frequencies(rule({.top_k = 2, .top_p = 0.5})), {{2, 1.0}});
  expect_shares(frequencies(rule({.top_p = 1, .min_p = 1})), {{2, 1.0}});
}

TEST(TokenChooser, TemperatureSharpensTheDistribution) {
  // 0.4^2, 0.3^2, 0.2^2 and so on, over their sum.
  const double sum = 0.16 + 0.09 + 0.04 + 0.0036 + 0.0016;
  const auto shares = frequencies({.temperature = 0.5, .top_p = 1});
  EXPECT_NEAR(shares.at(2), 0.16 / sum, 0.015);
  EXPECT_NEAR(shares.at(4), 0.04 / sum, 0.015);
  EXPECT_EQ(frequencies({.temperature = 0}).size(), 1u);
  EXPECT_EQ(frequencies({.temperature = 0}).count(2), 1u);
}

TEST(TokenChooser, ThePenaltyMakesEarlierTokensLessLikelyWhateverTheSignOfTheirLogit) {
  TokenChooser chooser({.temperature = 0, .repetition_penalty = 2}, 1);
  const std::vector<float> positive = {3, 2, 1}, negative = {-1, -1.5f, -3};
  EXPECT_EQ(chooser.choose(positive, {}), 0);
  EXPECT_EQ(chooser.choose(positive, std::vector<int32_t>{0, 0, 0}), 1);       // 1.5, once and not three times
  EXPECT_EQ(chooser.choose(negative, std::vector<int32_t>{0}), 1);             // -2
  EXPECT_EQ(chooser.choose(positive, std::vector<int32_t>{0, 1, 99, -1}), 0);  // ids beyond the logits do not count
}

TEST(TokenChooser, TheSeedDecidesAndEqualTokensGoByTheirId) {
  const std::vector<float> equal(50, 1.0f);
  const auto draws = [&](uint64_t seed, SamplingRule rule) {
    TokenChooser chooser(rule, seed);
    std::vector<int32_t> ids;
    for (int i = 0; i < 20; ++i) ids.push_back(chooser.choose(equal, {}));
    return ids;
  };
  EXPECT_EQ(draws(3, {}), draws(3, {}));
  EXPECT_NE(draws(3, {}), draws(4, {}));
  EXPECT_EQ(draws(3, {.temperature = 0}), std::vector<int32_t>(20, 0));
  EXPECT_EQ(draws(3, {.top_k = 1}), std::vector<int32_t>(20, 0));
}

TEST(TokenChooser, LogitsThatAreNoNumbersAreRefused) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    const std::vector<float> logits = {1, bad, 2};
    EXPECT_THROW(TokenChooser({}, 1).choose(logits, {}), Error);
  }
}

}  // namespace
}  // namespace mm
