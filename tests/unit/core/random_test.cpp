// Streams are part of what a resumed run must repeat.
#include "core/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

namespace {

// A change of these numbers changes the data order and the initial weights of every run.
TEST(Random, StreamsNeverChange) {
  EXPECT_EQ(mm::derive_seed(42, "data.order", 7), 3471705012585806723u);
  mm::RandomStream stream(42, "data.order", 7);
  EXPECT_EQ(stream.next(), 4731278899384964766u);
  EXPECT_EQ(stream.next(), 8106122006498871116u);
  EXPECT_EQ(mm::random_permutation(8, 42, "data.order", 7), (std::vector<uint32_t>{0, 4, 2, 5, 3, 1, 7, 6}));
}

TEST(Random, SeedNameAndIndexEachGiveAnotherStream) {
  const uint64_t seed = mm::derive_seed(1, "init", 0);
  EXPECT_NE(seed, mm::derive_seed(2, "init", 0));
  EXPECT_NE(seed, mm::derive_seed(1, "dropout", 0));
  EXPECT_NE(seed, mm::derive_seed(1, "init", 1));
  EXPECT_NE(mm::derive_seed(0, "", 0), 0u);
}

TEST(Random, UniformStaysBelowOneAndHasMeanOneHalf) {
  mm::RandomStream stream(0, "uniform");
  constexpr int kDraws = 100000;
  double sum = 0;
  for (int i = 0; i < kDraws; ++i) {
    const double value = stream.uniform();
    ASSERT_GE(value, 0.0);
    ASSERT_LT(value, 1.0);
    sum += value;
  }
  // Five standard errors of the mean, sqrt(1 / 12 / kDraws) each.
  EXPECT_NEAR(sum / kDraws, 0.5, 0.0046);
}

TEST(Random, BelowGivesEveryValueEquallyOften) {
  mm::RandomStream stream(0, "below");
  std::array<int, 5> counts{};
  constexpr int kDraws = 50000;
  for (int i = 0; i < kDraws; ++i) {
    const uint64_t value = stream.below(counts.size());
    ASSERT_LT(value, counts.size());
    ++counts[value];
  }
  // Five standard deviations of a binomial count.
  for (const int count : counts) EXPECT_NEAR(count, kDraws / 5, 450);
}

TEST(Random, BelowHasNoModuloBias) {
  // Three quarters of the range: plain modulo would give the lower third twice as often.
  constexpr uint64_t kBound = uint64_t{3} << 62;
  mm::RandomStream stream(0, "bias");
  int low = 0;
  constexpr int kDraws = 10000;
  for (int i = 0; i < kDraws; ++i) low += stream.below(kBound) < kBound / 3 ? 1 : 0;
  EXPECT_NEAR(low, kDraws / 3, 240);
}

TEST(Random, PermutationHoldsEveryIndexOnce) {
  std::vector<uint32_t> order = mm::random_permutation(1000, 3, "epoch", 0);
  EXPECT_NE(order, mm::random_permutation(1000, 3, "epoch", 1));
  EXPECT_EQ(order, mm::random_permutation(1000, 3, "epoch", 0));
  std::sort(order.begin(), order.end());
  for (uint32_t i = 0; i < order.size(); ++i) ASSERT_EQ(order[i], i);
}

TEST(Random, EmptyAndSinglePermutationsWork) {
  EXPECT_TRUE(mm::random_permutation(0, 1, "x", 0).empty());
  EXPECT_EQ(mm::random_permutation(1, 1, "x", 0), std::vector<uint32_t>{0});
}

}  // namespace
