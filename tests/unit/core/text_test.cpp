// Numbers and names as people see them.
#include "core/text.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

namespace {

TEST(Text, FormatPrintsAnyLength) {
  EXPECT_EQ(mm::format("step %d loss %.2f", 3, 1.5), "step 3 loss 1.50");
  EXPECT_EQ(mm::format("%s", std::string(5000, 'x').c_str()), std::string(5000, 'x'));
  EXPECT_EQ(mm::format("%s", ""), "");
}

TEST(Text, JoinPutsSeparatorsBetween) {
  EXPECT_EQ(mm::join({}, ", "), "");
  EXPECT_EQ(mm::join({"a"}, ", "), "a");
  EXPECT_EQ(mm::join({"a", "", "c"}, ", "), "a, , c");
}

TEST(Text, CommasGroupThousands) {
  EXPECT_EQ(mm::with_commas(0), "0");
  EXPECT_EQ(mm::with_commas(999), "999");
  EXPECT_EQ(mm::with_commas(1000), "1,000");
  EXPECT_EQ(mm::with_commas(96100864), "96,100,864");
  EXPECT_EQ(mm::with_commas(-123456), "-123,456");
  EXPECT_EQ(mm::with_commas(INT64_MIN), "-9,223,372,036,854,775,808");
}

TEST(Text, CountsKeepThreeDigitsAndCarryIntoTheNextUnit) {
  EXPECT_EQ(mm::short_count(0), "0");
  EXPECT_EQ(mm::short_count(812), "812");
  EXPECT_EQ(mm::short_count(0.25), "0.25");
  EXPECT_EQ(mm::short_count(999.7), "1.00 k");
  EXPECT_EQ(mm::short_count(16000), "16.0 k");
  EXPECT_EQ(mm::short_count(1600000), "1.60 M");
  EXPECT_EQ(mm::short_count(999999), "1.00 M");
  EXPECT_EQ(mm::short_count(-2.5e9), "-2.50 G");
  EXPECT_EQ(mm::short_count(INFINITY), "inf");
  EXPECT_EQ(mm::short_count(812, "tok/s"), "812 tok/s");
  EXPECT_EQ(mm::short_count(16000, "tok/s"), "16.0 ktok/s");
}

TEST(Text, BytesUseBinarySteps) {
  EXPECT_EQ(mm::short_bytes(812), "812 B");
  EXPECT_EQ(mm::short_bytes(1536), "1.5 KiB");
  EXPECT_EQ(mm::short_bytes(1024.0 * 1024 - 1), "1.0 MiB");
  EXPECT_EQ(mm::short_bytes(139.0 * (1u << 30)), "139.0 GiB");
}

TEST(Text, ClockTimeShowsHoursOnlyWhenThereAreSome) {
  EXPECT_EQ(mm::clock_time(0), "0:00");
  EXPECT_EQ(mm::clock_time(77), "1:17");
  EXPECT_EQ(mm::clock_time(59.6), "1:00");
  EXPECT_EQ(mm::clock_time(3725), "1:02:05");
  EXPECT_EQ(mm::clock_time(360000), "100:00:00");
}

TEST(Text, UnknownTimeHasNoDigits) {
  EXPECT_EQ(mm::clock_time(INFINITY), "-:--");
  EXPECT_EQ(mm::clock_time(NAN), "-:--");
  EXPECT_EQ(mm::clock_time(-1), "-:--");
}

TEST(Text, SecondsPickTheirUnit) {
  EXPECT_EQ(mm::short_seconds(0.00025), "250 us");
  EXPECT_EQ(mm::short_seconds(0.0041), "4.1 ms");
  EXPECT_EQ(mm::short_seconds(0.041), "41 ms");
  EXPECT_EQ(mm::short_seconds(2.5), "2.50 s");
  EXPECT_EQ(mm::short_seconds(0.9999), "1.00 s");
  EXPECT_EQ(mm::short_seconds(128), "128 s");
}

TEST(Text, NearestNameForgivesSlips) {
  const std::vector<std::string> names = {"learning_rate", "hidden_size", "num_experts", "seed"};
  EXPECT_EQ(mm::nearest_name("learing_rate", names), "learning_rate");
  EXPECT_EQ(mm::nearest_name("hidden_szie", names), "hidden_size");
  EXPECT_EQ(mm::nearest_name("Hidden-Size", names), "hidden_size");
  EXPECT_EQ(mm::nearest_name("num_expert", names), "num_experts");
  EXPECT_EQ(mm::nearest_name("sead", names), "seed");
}

TEST(Text, NearestNameStaysSilentWhenNothingIsNear) {
  EXPECT_EQ(mm::nearest_name("dropout", {"learning_rate", "hidden_size", "seed"}), "");
  EXPECT_EQ(mm::nearest_name("ab", {"ac"}), "");
  EXPECT_EQ(mm::nearest_name("seed", {}), "");
}

}  // namespace
