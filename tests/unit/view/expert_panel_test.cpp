// What --watch draws, on terminals of several kinds.
#include "view/expert_panel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <regex>
#include <sstream>

#include "view/image/painted_text.h"

namespace mm {
namespace {

using Rows = std::vector<std::string>;

StepRecord step_with(int64_t step, ExpertLoad load, double loss = 2) {
  StepRecord record;
  record.step = step;
  record.loss = loss;
  record.load = std::move(load);
  return record;
}

/// Every layer even, 100 tokens an expert.
ExpertLoad even_load(int64_t layers, int64_t experts) {
  return {layers, experts, std::vector<int64_t>(static_cast<size_t>(layers * experts), 100)};
}

Rows rows_of(const std::string& panel) {
  Rows rows;
  std::istringstream lines(panel);
  for (std::string line; std::getline(lines, line);) rows.push_back(line);
  return rows;
}

Rows drawn(const ExpertLoad& load, const PanelStyle& style, const Rows& progress = {"step 7/9"}) {
  ExpertPanel panel;
  panel.add(step_with(7, load));
  return rows_of(panel.draw(progress, style));
}

std::string without_colours(const std::string& text) {
  return std::regex_replace(text, std::regex("\x1b\\[[0-9;]*m"), "");
}

TEST(ExpertPanel, WithoutColoursInAsciiIsNumbersAndCharacters) {
  const ExpertLoad load = {2, 4, {250, 250, 250, 250, 400, 300, 0, 300}};
  EXPECT_EQ(drawn(load, {}),
            Rows({"share of tokens: 0% .::--==++ fair 25% +**##%%@@ 50%+, x no token",
                  "        0      1      2      3     max dead", " 0   25.0+  25.0+  25.0+  25.0+  1.00x    0",
                  " 1   40.0#  30.0*     x   30.0*  1.60x    1", "loss 2.0000 : 2.0000 since step 7", "step 7/9"}));
}

TEST(ExpertPanel, InColoursHasTheSameNumbers) {
  const ExpertLoad load = {1, 4, {250, 500, 0, 250}};
  const Rows rows = drawn(load, {{}, TerminalColours::k24Bit, true});
  EXPECT_EQ(without_colours(rows[2]), " 0   25.0   50.0      x   25.0   2.00x    1");
  // A fair share is the middle of the map, two of them its end, none its start.
  EXPECT_EQ(rows[2],
            " 0 \x1b[48;2;7;138;151;38;5;16m  25.0 \x1b[48;2;242;234;116;38;5;16m  50.0 "
            "\x1b[48;2;43;0;81;38;5;231m     x \x1b[48;2;7;138;151;38;5;16m  25.0 \x1b[0m  2.00x    1");
  const Rows fewer = drawn(load, {{}, TerminalColours::k256, true});
  EXPECT_NE(fewer[2].find("\x1b[48;5;30;38;5;16m  25.0 \x1b[48;5;222;38;5;16m  50.0 "), std::string::npos) << fewer[2];
}

TEST(ExpertPanel, SixtyFourExpertsOfSixteenLayersFitAnOrdinaryTerminal) {
  const Rows rows = drawn(even_load(16, 64), {{}, TerminalColours::kNone, true}, {"step 7/9", "loss 2"});
  EXPECT_EQ(rows.size(), 20u);  // legend, numbers, layers, loss, progress
  const std::string layer = rows[2];
  EXPECT_EQ(layer.substr(0, 3), " 0 ");
  EXPECT_EQ(display_columns(layer), 79u);
  EXPECT_EQ(rows[1].substr(3, 64), "0       8       16      24      32      40      48      56      ");
}

TEST(ExpertPanel, ExpertsThatDoNotFitGoOnInTheNextRow) {
  const Rows rows = drawn(even_load(1, 256), {});
  EXPECT_EQ(rows.size(), 8u);
  EXPECT_EQ(rows[2], " 0 " + std::string(64, '+') + "  1.00x    0");
  EXPECT_EQ(rows[5], "   " + std::string(64, '+'));
}

TEST(ExpertPanel, OfTooManyLayersTheWorstAreShownInTheirOrder) {
  ExpertLoad load = even_load(32, 4);
  load.tokens[4 * 30] = 0;    // a dead expert
  load.tokens[4 * 5] = 900;   // over-subscribed
  load.tokens[4 * 17] = 190;  // the worst of the rest
  const Rows rows = drawn(load, {{11, 60}});
  EXPECT_EQ(rows[2].substr(0, 3), " 5 ");
  EXPECT_EQ(rows[3].substr(0, 3), "17 ");
  EXPECT_EQ(rows[4].substr(0, 3), "30 ");
  EXPECT_EQ(rows[5], "   and 29 more layers: max 1.00x, dead 0");
  EXPECT_EQ(rows.size(), 8u);
}

TEST(ExpertPanel, OneStepDoesNotChangeWhichLayersAreShown) {
  ExpertLoad load = even_load(32, 4), other = even_load(32, 4);
  for (const size_t layer : {5u, 17u, 30u}) load.tokens[4 * layer] = 900;
  for (const size_t layer : {6u, 18u, 31u}) other.tokens[4 * layer] = 900;
  ExpertPanel panel;
  for (int64_t step = 1; step <= 20; ++step) panel.add(step_with(step, load));
  panel.add(step_with(21, other));
  const Rows rows = rows_of(panel.draw({"step"}, {{11, 60}}));
  EXPECT_EQ(rows[4].substr(0, 3), "30 ");
  EXPECT_EQ(rows[5], "   and 29 more layers: max 3.00x, dead 0");
}

TEST(ExpertPanel, LeavesRowsToMessagesAndFitsTheColumnsWhateverTheTerminal) {
  for (const int64_t experts : {1, 4, 16, 33, 64}) {
    for (const int64_t layers : {1, 8, 32}) {
      for (const size_t columns : {20u, 40u, 80u, 200u}) {
        for (const size_t height : {1u, 5u, 10u, 24u, 60u}) {
          for (const TerminalColours colours : {TerminalColours::kNone, TerminalColours::k24Bit}) {
            const Rows rows = drawn(even_load(layers, experts), {{height, columns}, colours, true}, {"step", "loss"});
            EXPECT_LE(rows.size(), std::max<size_t>(1, height - std::min<size_t>(height, 3)));
            for (const std::string& row : rows) {
              const bool cell_row = row.find('x') == std::string::npos && row.find("since") == std::string::npos;
              if (!cell_row) continue;
              EXPECT_LT(display_columns(row), std::max<size_t>(columns, 16)) << row;
            }
          }
        }
      }
    }
  }
}

TEST(ExpertPanel, ProgressIsBrokenBetweenItsParts) {
  EXPECT_EQ(drawn({}, {{24, 20}}, {"step 7/9", "loss 2.0", "norm 1.00"}),
            Rows({"loss 2.0000 : 2.0000 since step 7", "step 7/9 | loss 2.0", "norm 1.00"}));
}

TEST(ExpertPanel, TheLastSampleIsARowInTheColoursOfItsExpertsWhereThereAreColours) {
  const auto piece = [](const char* text, int32_t expert) {
    return RoutedPiece{text, {.experts_per_layer = 4, .slots = 1, .experts = {0, expert}, .weights = {1, 1}}};
  };
  ExpertPanel panel;
  panel.add(step_with(7, even_load(2, 4)));
  panel.add(SampleRecord{.step = 7, .prompt = "a", .text = "b\nc", .pieces = {piece("a", 0), piece("b\n\x1b[2J", 3)}});
  const Rows rows = rows_of(panel.draw({"step 7/9"}, {{}, TerminalColours::k24Bit, true}));
  const std::string& row = rows.at(rows.size() - 2);
  EXPECT_EQ(without_colours(row), "sample, layer 1: ab\\n\\x1b[2J");
  EXPECT_NE(row.find(painted_by_expert("a", 0, 4, TerminalColours::k24Bit)), std::string::npos) << row;
  // On the middle of its part of the map: an eighth from either end.
  EXPECT_EQ(painted_by_expert("a\nb", 0, 4, TerminalColours::k24Bit),
            painted("a", 0.125, TerminalColours::k24Bit) + "\x1b[0m\n" + painted("b", 0.125, TerminalColours::k24Bit) +
                "\x1b[0m");
  const Rows narrow = rows_of(panel.draw({"step 7/9"}, {{24, 20}, TerminalColours::k256, true}));
  EXPECT_LE(display_columns(narrow.at(narrow.size() - 2)), 19u);
  for (const std::string& each : rows_of(panel.draw({"step 7/9"}, {}))) EXPECT_EQ(each.find("sample"), each.npos);
}

TEST(ExpertPanel, TheLossIsDrawnOverAllStepsOfThisStart) {
  ExpertPanel panel;
  for (int64_t step = 101; step <= 180; ++step)
    panel.add(step_with(step, {}, 9 - 0.1 * static_cast<double>(step - 101)));
  const std::string row = rows_of(panel.draw({"step"}, {{}, TerminalColours::kNone, true})).front();
  EXPECT_TRUE(row.starts_with("loss 8.9500 ██")) << row;
  EXPECT_TRUE(row.ends_with("▁▁▁ 1.1500 since step 101")) << row;
}

}  // namespace
}  // namespace mm
