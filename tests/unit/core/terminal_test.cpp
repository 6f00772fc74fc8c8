// What the environment says of the terminal, and how text is cut to it.
#include "core/terminal/terminal.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace mm {
namespace {

TerminalColours colours_with(const char* no_color, const char* depth, const char* kind) {
  ::setenv("NO_COLOR", no_color, 1);
  ::setenv("COLORTERM", depth, 1);
  ::setenv("TERM", kind, 1);
  return terminal_colours();
}

TEST(TerminalColours, AreWhatTheEnvironmentPromises) {
  EXPECT_EQ(colours_with("", "truecolor", "xterm-256color"), TerminalColours::k24Bit);
  EXPECT_EQ(colours_with("", "", "xterm-kitty"), TerminalColours::k24Bit);
  EXPECT_EQ(colours_with("", "", "xterm-256color"), TerminalColours::k256);
  EXPECT_EQ(colours_with("", "", "linux"), TerminalColours::kNone);
}

TEST(TerminalColours, NoColorWinsUnlessItIsEmpty) {
  EXPECT_EQ(colours_with("0", "truecolor", "xterm-256color"), TerminalColours::kNone);
}

TEST(Locale, TheFirstVariableThatIsSetDecides) {
  ::setenv("LC_ALL", "", 1);
  ::setenv("LC_CTYPE", "de_DE.UTF-8", 1);
  ::setenv("LANG", "C", 1);
  EXPECT_TRUE(locale_is_utf8());
  ::setenv("LC_ALL", "C", 1);
  EXPECT_FALSE(locale_is_utf8());
  ::setenv("LC_ALL", "C.utf8", 1);
  EXPECT_TRUE(locale_is_utf8());
}

TEST(DisplayColumns, CountsWideCharactersTwiceAndColoursNot) {
  EXPECT_EQ(display_columns("春 a\x1b[48;5;17mb\x1b[0m█"), 6u);
}

TEST(CutToColumns, LeavesOutACharacterThatWouldFitByHalf) {
  EXPECT_EQ(cut_to_columns("a春b", 2), "a");
  EXPECT_EQ(cut_to_columns("a春b", 3), "a春");
}

TEST(CutToColumns, ResetsColoursAtTheEnd) {
  EXPECT_EQ(cut_to_columns("ab\x1b[7mcd", 3), "ab\x1b[7mc\x1b[0m");
  EXPECT_EQ(cut_to_columns("abcd", 9), "abcd");
}

}  // namespace
}  // namespace mm
