// Broken UTF-8 shows as elsewhere: one U+FFFD for each maximal subpart.
#include "core/characters/utf8.h"

#include <gtest/gtest.h>

namespace mm {
namespace {

constexpr char kFffd[] = "\uFFFD";

TEST(Utf8, TheFirstCharacterHasItsCodePointAndLength) {
  EXPECT_EQ(first_character("a").code_point, U'a');
  EXPECT_EQ(first_character("é!").code_point, U'é');
  EXPECT_EQ(first_character("é!").length, 2u);
  EXPECT_EQ(first_character("中").code_point, U'中');
  EXPECT_EQ(first_character("😀").code_point, U'😀');
  EXPECT_EQ(first_character("\U0010FFFF").code_point, char32_t{0x10FFFF});
  EXPECT_EQ(first_character("\U0010FFFF").length, 4u);
}

TEST(Utf8, ValidTextStaysAsItIs) {
  const std::string text = "a\u0080\u07FF\u0800\uD7FF\uE000\uFFFF\U00010000\U0010FFFF";
  EXPECT_EQ(lossy_utf8(text), text);
  EXPECT_EQ(lossy_utf8(std::string("a\0b", 3)), std::string("a\0b", 3));
}

TEST(Utf8, EachMaximalSubpartBecomesOneReplacement) {
  const std::string one = kFffd, two = one + one, three = two + one, four = three + one;
  EXPECT_EQ(lossy_utf8("\x80"), one);
  EXPECT_EQ(lossy_utf8("a\xE4\xB8"), "a" + one);
  EXPECT_EQ(lossy_utf8("\xE4\xB8!"), one + "!");
  EXPECT_EQ(lossy_utf8("\xF0\x9F\x98"), one);
  EXPECT_EQ(lossy_utf8("\xF0\x9F\xE4"), two);
  EXPECT_EQ(lossy_utf8("\xC0\xAF"), two);           // overlong
  EXPECT_EQ(lossy_utf8("\xE0\x9F\xBF"), three);     // overlong
  EXPECT_EQ(lossy_utf8("\xED\xA0\x80"), three);     // a surrogate
  EXPECT_EQ(lossy_utf8("\xF4\x90\x80\x80"), four);  // above U+10FFFF
  EXPECT_EQ(lossy_utf8("\xF5\xFF"), two);
  // The example of the Unicode standard, section 3.9, table 3-11.
  EXPECT_EQ(lossy_utf8("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41"), four + "A");
}

TEST(Utf8, WhatIsWrittenIsReadAgain) {
  for (const char32_t c : {0x0u, 0x7Fu, 0x80u, 0x7FFu, 0x800u, 0xD7FFu, 0xE000u, 0xFFFFu, 0x10000u, 0x10FFFFu}) {
    std::string text;
    append_utf8(c, text);
    const Utf8Character character = first_character(text);
    EXPECT_TRUE(character.valid && is_utf8(text));
    EXPECT_EQ(character.code_point, c);
    EXPECT_EQ(character.length, text.size());
  }
  for (const char* broken : {"\xC0\x80", "\xED\xA0\x80", "\xF4\x90\x80\x80", "a\xE4\xB8"})
    EXPECT_FALSE(is_utf8(broken));
  EXPECT_TRUE(is_utf8(""));
}

}  // namespace
}  // namespace mm
