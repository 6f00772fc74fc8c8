// Short numbers, both ways.
#include "core/rough_text.h"

#include <gtest/gtest.h>

namespace mm {
namespace {

TEST(RoughText, ShortCountsAreTheirNumbers) {
  EXPECT_EQ(parse_count("500M"), 500'000'000);
  EXPECT_EQ(parse_count("1.5k"), 1500);
  EXPECT_EQ(parse_count("2B"), 2'000'000'000);
  EXPECT_EQ(parse_count("0.25T"), 250'000'000'000);
  for (const char* text : {"", "M", "500", "5MM", "1.0005k", "-", "1e3M", " 5M", "5 M"}) {
    EXPECT_EQ(parse_count(text), std::nullopt) << text;
  }
}

TEST(RoughText, TimesHaveTwoUnitsAtMost) {
  EXPECT_EQ(rough_time(0.44), "0.4 s");
  EXPECT_EQ(rough_time(45.2), "45 s");
  EXPECT_EQ(rough_time(59.6), "1 min");
  EXPECT_EQ(rough_time(83), "1 min 25 s");
  EXPECT_EQ(rough_time(597.4), "9 min 55 s");
  EXPECT_EQ(rough_time(599), "10 min");
  EXPECT_EQ(rough_time(754), "13 min");
  EXPECT_EQ(rough_time(11'400), "3 h 10 min");
  EXPECT_EQ(rough_time(7200), "2 h");
  EXPECT_EQ(rough_time(100'800), "1 d 4 h");
}

}  // namespace
}  // namespace mm
