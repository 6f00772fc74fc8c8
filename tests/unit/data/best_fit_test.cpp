// Pieces in rows: each in one of them, none too full, hardly any room left.
#include "data/windows/packing/best_fit.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <random>

#include "core/error.h"

namespace mm {
namespace {

std::vector<uint32_t> fill_of_rows(std::span<const uint32_t> lengths, const std::vector<uint32_t>& row_of_piece) {
  std::vector<uint32_t> filled;
  for (size_t i = 0; i < lengths.size(); ++i) {
    if (filled.size() <= row_of_piece[i]) filled.resize(row_of_piece[i] + size_t{1});
    filled[row_of_piece[i]] += lengths[i];
  }
  return filled;
}

TEST(BestFit, APieceGoesIntoTheFullestRowThatHasRoomForIt) {
  EXPECT_EQ(best_fit(std::vector<uint32_t>{7, 6, 3, 2, 2}, 10), (std::vector<uint32_t>{0, 1, 0, 1, 1}));
  EXPECT_EQ(best_fit(std::vector<uint32_t>{2, 10, 9}, 10), (std::vector<uint32_t>{2, 0, 1}));
  EXPECT_TRUE(best_fit({}, 10).empty());
}

TEST(BestFit, RowsAreNeverTooFullAndNoneIsEmptyWhateverThePiecesAre) {
  std::mt19937 random(1);
  for (const uint32_t row_length : {1U, 2U, 63U, 64U, 65U, 500U, 4096U}) {
    for (int round = 0; round < 20; ++round) {
      std::vector<uint32_t> lengths(random() % 400);
      for (uint32_t& length : lengths) length = 1 + random() % row_length;
      const std::vector<uint32_t> filled = fill_of_rows(lengths, best_fit(lengths, row_length));
      EXPECT_EQ(std::accumulate(filled.begin(), filled.end(), 0U), std::accumulate(lengths.begin(), lengths.end(), 0U));
      for (const uint32_t count : filled) {
        EXPECT_GT(count, 0U);
        EXPECT_LE(count, row_length);
      }
    }
  }
}

TEST(BestFit, DocumentsOfATextLeaveLessThanHalfAPerCentOfTheRoom) {
  std::mt19937 random(2);
  std::lognormal_distribution<double> tokens(5.0, 0.9);  // 148 in the median, as in the corpus
  for (const uint32_t row_length : {256U, 340U, 512U, 2048U}) {
    std::vector<uint32_t> lengths(20'000);
    for (uint32_t& length : lengths) {
      length = static_cast<uint32_t>(std::clamp(tokens(random), 3.0, static_cast<double>(row_length)));
    }
    const std::vector<uint32_t> filled = fill_of_rows(lengths, best_fit(lengths, row_length));
    const double used = std::accumulate(filled.begin(), filled.end(), 0.0);
    EXPECT_GT(used / (static_cast<double>(filled.size()) * row_length), 0.995) << row_length;
  }
}

TEST(BestFit, APieceThatFitsNowhereIsOurMistake) {
  EXPECT_THROW(best_fit(std::vector<uint32_t>{11}, 10), Error);
  EXPECT_THROW(best_fit(std::vector<uint32_t>{0}, 10), Error);
}

}  // namespace
}  // namespace mm
