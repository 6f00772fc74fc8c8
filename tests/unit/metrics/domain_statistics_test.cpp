// Entropy, mutual information and lift against numbers counted by hand.
#include "metrics/domains/domain_statistics.h"

#include <gtest/gtest.h>

#include <cmath>

namespace mm {
namespace {

const double kLn2 = std::log(2.0);

TEST(DomainStatistics, EntropyOfEvenCountsIsTheLogarithmOfTheirNumber) {
  EXPECT_NEAR(entropy(std::vector<int64_t>{5, 5, 5}), std::log(3.0), 1e-15);
  EXPECT_NEAR(entropy(std::vector<int64_t>{1, 3}), 0.25 * std::log(4.0) + 0.75 * std::log(4.0 / 3), 1e-15);
  EXPECT_EQ(entropy(std::vector<int64_t>{0, 7}), 0);
  EXPECT_EQ(entropy(std::vector<int64_t>{}), 0);
}

TEST(DomainStatistics, SeparatedDomainsShareAllTheInformationThatTheSmallerSideHas) {
  // Two domains, four experts: each domain has two experts of its own.
  EXPECT_NEAR(mutual_information({4, {10, 10, 0, 0, 0, 0, 10, 10}}), kLn2, 1e-15);
  // Three domains, two experts: the experts tell two domains apart at most.
  EXPECT_NEAR(mutual_information({2, {10, 0, 0, 10, 5, 5}}), kLn2 * 20 / 30, 1e-15);
  EXPECT_NEAR(mutual_information({3, {7, 0, 0, 0, 7, 0, 0, 0, 7}}), std::log(3.0), 1e-15);
}

TEST(DomainStatistics, IndependentDomainsShareNone) {
  EXPECT_NEAR(mutual_information({3, {1, 2, 3, 10, 20, 30}}), 0, 1e-15);
  EXPECT_EQ(mutual_information({2, {}}), 0);
  EXPECT_EQ(mutual_information({2, {3, 4}}), 0);
}

TEST(DomainStatistics, MutualInformationOfAHandCountedTable) {
  // p = {{3, 1}, {1, 3}} / 8: 2 * 3/8 ln(3/2) + 2 * 1/8 ln(1/2)
  EXPECT_NEAR(mutual_information({2, {3, 1, 1, 3}}), 0.75 * std::log(1.5) - 0.25 * kLn2, 1e-15);
}

TEST(DomainStatistics, RowsWithOneLabelAreSummed) {
  const CountTable sums = sum_by_label({2, {1, 2, 3, 4, 5, 6}}, std::vector<uint32_t>{2, 0, 2}, 3);
  EXPECT_EQ(sums.counts, (std::vector<int64_t>{3, 4, 0, 0, 6, 8}));
}

TEST(DomainStatistics, ShuffledLabelsOfManyDocumentsTellNextToNothing) {
  CountTable documents{.columns = 2};
  std::vector<uint32_t> labels;
  for (uint32_t i = 0; i < 400; ++i) {
    labels.push_back(i % 2);
    documents.counts.insert(documents.counts.end(), {i % 2 == 0 ? 9 : 1, i % 2 == 0 ? 1 : 9});
  }
  const ShuffledInformation shuffled = shuffled_information(documents, labels, 2, 20);
  EXPECT_GT(mutual_information(sum_by_label(documents, labels, 2)), 0.3);
  EXPECT_LT(shuffled.max, 0.02);
  EXPECT_GT(shuffled.mean, 0);
  EXPECT_LE(shuffled.mean, shuffled.max);
  EXPECT_EQ(shuffled_information(documents, labels, 2, 20).max, shuffled.max) << "the seed is fixed";
}

TEST(DomainStatistics, OneDocumentADomainShowsNothingHoweverFarApartTheyAre) {
  const CountTable documents{2, {9, 1, 1, 9}};
  const std::vector<uint32_t> labels = {0, 1};
  EXPECT_NEAR(shuffled_information(documents, labels, 2, 20).mean, mutual_information(documents), 1e-15);
}

TEST(DomainStatistics, LiftIsHowManyTimesAsOftenARowGoesToAColumn) {
  // Row 0 goes to column 0 in 30 of 40, all rows in 50 of 100.
  const auto typical = typical_rows({2, {30, 10, 10, 30, 10, 10}}, 1, 8);
  ASSERT_EQ(typical.size(), 2u);
  ASSERT_EQ(typical[0].size(), 1u);
  EXPECT_EQ(typical[0][0].row, 0u);
  EXPECT_EQ(typical[0][0].count, 40);
  EXPECT_DOUBLE_EQ(typical[0][0].lift, 1.5);
  ASSERT_EQ(typical[1].size(), 1u);
  EXPECT_EQ(typical[1][0].row, 1u);
}

TEST(DomainStatistics, RareRowsNeedMoreThanLuck) {
  // Column 0 takes a half. Row 1, seen 4 times, always goes there; row 0, seen 100 times, in 95; row 2 is too rare.
  const CountTable table{2, {95, 5, 4, 0, 1, 0, 0, 95}};
  const auto typical = typical_rows(table, 4, 8);
  ASSERT_EQ(typical[0].size(), 2u);
  EXPECT_EQ(typical[0][0].row, 0u);
  EXPECT_EQ(typical[0][1].row, 1u);
  EXPECT_GT(typical[0][1].lift, typical[0][0].lift);
  EXPECT_EQ(typical_rows(table, 4, 1)[0].size(), 1u);
}

}  // namespace
}  // namespace mm
