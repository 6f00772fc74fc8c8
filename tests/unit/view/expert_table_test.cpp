// The expert table as a reader sees it.
#include "view/expert_table.h"

#include <gtest/gtest.h>

namespace mm {
namespace {

TEST(ExpertTable, ShowsEachShareAndTheAlarmsBelow) {
  EXPECT_EQ(expert_table({2, 4, {250, 250, 250, 250, 400, 300, 11, 289}}, {"layer 1 expert 2 dying"}, false),
            "share of tokens per expert in %, a fair share is 25\n"
            "layer |     0     1     2     3 | max/mean    cv  entropy  dead\n"
            "    0 |  25.0  25.0  25.0  25.0 |     1.00  0.00    1.000     0\n"
            "    1 |  40.0  30.0   1.1  28.9 |     1.60  0.58    0.819     0\n"
            "layer 1 expert 2 dying");
}

TEST(ExpertTable, BarsReachHalfHeightAtAFairShareAndFullHeightAtTwice) {
  const std::string table = expert_table({1, 4, {500, 250, 0, 250}}, {}, true);
  EXPECT_NE(table.find("  50.0█  25.0▄   0.0·  25.0▄"), std::string::npos) << table;
}

TEST(ExpertTable, ManyExpertsAreSummedUpWithTheExtremesNamed) {
  ExpertLoad load{1, 20, std::vector<int64_t>(20, 1000)};
  load.tokens[7] = 100;
  load.tokens[3] = 1900;
  EXPECT_EQ(
      expert_table(load, {}, false),
      "share of tokens per expert in %, a fair share is 5\n"
      "layer |   min  median   max | max/mean    cv  entropy  dead | lowest, highest as expert:share\n"
      "    0 |  0.50    5.00  9.50 |     1.90  0.28    0.983     0 | 7:0.50 0:5.00 1:5.00 .. 18:5.00 19:5.00 3:9.50");
}

TEST(ExpertTable, JudgesNothing) {
  const std::string table = expert_table({1, 4, {1000, 0, 0, 0}}, {}, false);
  EXPECT_TRUE(table.ends_with("     3")) << table;
}

TEST(ExpertTable, ManyAlarmsEndInACount) {
  std::vector<std::string> standing;
  for (int expert = 0; expert < 15; ++expert) standing.push_back("expert " + std::to_string(expert));
  const std::string table = expert_table({1, 2, {1, 1}}, standing, false);
  EXPECT_TRUE(table.ends_with("\nexpert 6\nexpert 7\nand 7 more alarms")) << table;
}

}  // namespace
}  // namespace mm
