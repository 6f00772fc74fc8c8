// The words of GPT-2's pattern.
#include "tokenizer/bpe/pretokenizer.h"

#include <gtest/gtest.h>

#include <string>

namespace mm {
namespace {

/// The words of `text` between bars.
std::string words(std::string_view text) {
  std::string all = "|";
  while (!text.empty()) {
    const size_t length = first_word_length(text);
    EXPECT_GT(length, 0u);
    EXPECT_LE(length, text.size());
    all.append(text.substr(0, length)).append("|");
    text.remove_prefix(length);
  }
  return all;
}

TEST(Pretokenizer, ALetterRunTakesOneSpaceBeforeIt) {
  EXPECT_EQ(words("the quick"), "|the| quick|");
  EXPECT_EQ(words(" a b"), "| a| b|");
}

TEST(Pretokenizer, LettersNumbersAndTheRestAreApart) {
  EXPECT_EQ(words("abc123!?x"), "|abc|123|!?|x|");
  EXPECT_EQ(words(" 12 !! x_y"), "| 12| !!| x|_|y|");
  EXPECT_EQ(words("中文abcé٣²x"), "|中文abcé|٣²|x|");
  EXPECT_EQ(words("e\u0301a"), "|e|\u0301|a|");
}

TEST(Pretokenizer, WhiteSpaceLeavesItsLastCharacterToTheNextWord) {
  EXPECT_EQ(words("a   b"), "|a|  | b|");
  EXPECT_EQ(words("a \n b"), "|a| \n| b|");
  EXPECT_EQ(words("a\n\nb"), "|a|\n|\n|b|");
  EXPECT_EQ(words("a\tb"), "|a|\t|b|");
  EXPECT_EQ(words("a\u3000\u3000b"), "|a|\u3000|\u3000|b|");
  EXPECT_EQ(words("a\u00A0b"), "|a|\u00A0|b|");
}

TEST(Pretokenizer, WhiteSpaceAtTheEndStaysTogether) {
  EXPECT_EQ(words("a   "), "|a|   |");
  EXPECT_EQ(words(" "), "| |");
  EXPECT_EQ(words("\r\n\u2003"), "|\r\n\u2003|");
}

TEST(Pretokenizer, ContractionsAreCutOffInLowerCaseOnly) {
  EXPECT_EQ(words("it's we're I'll I'd I'm don't I've"), "|it|'s| we|'re| I|'ll| I|'d| I|'m| don|'t| I|'ve|");
  EXPECT_EQ(words("IT'S"), "|IT|'|S|");
  EXPECT_EQ(words("'sx''s"), "|'s|x|''|s|");
  EXPECT_EQ(words(" 's'r"), "| '|s|'|r|");
  EXPECT_EQ(words("'l'v'"), "|'|l|'|v|'|");
  EXPECT_EQ(words("it’s"), "|it|’|s|");
}

/// As words(), by other rules.
std::string words_by(const WordRules& rules, std::string_view text) {
  std::string cut = "|";
  WordCutter cutter(rules, text);
  for (std::string_view word = cutter.next(); !word.empty(); word = cutter.next()) cut += std::string(word) + "|";
  return cut;
}

TEST(Pretokenizer, NumbersThatWereCutOutBeforeAreStillCutByThePattern) {
  const auto cut = [](WordRules::Pattern pattern, WordRules::Digits digits) {
    return words_by({.pattern = pattern, .digits = digits}, "ab1234567 \u0661\u0662\u0663\u0664");
  };
  using enum WordRules::Pattern;
  using enum WordRules::Digits;
  EXPECT_EQ(cut(kCl100k, kTogether), "|ab|123|456|7| |\u0661\u0662\u0663|\u0664|");
  EXPECT_EQ(cut(kCl100k, kAsPattern), "|ab|123|456|7| |\u0661\u0662\u0663|\u0664|");
  EXPECT_EQ(cut(kCl100k, kApart), "|ab|1|2|3|4|5|6|7| |\u0661|\u0662|\u0663|\u0664|");
  EXPECT_EQ(cut(kGpt2, kTogether), "|ab|1234567| |\u0661\u0662\u0663\u0664|");
  EXPECT_EQ(cut(kGpt2, kAsPattern), "|ab|1234567| \u0661\u0662\u0663\u0664|");
}

TEST(Pretokenizer, BytesThatAreNotUtf8CountAsOtherCharacters) {
  EXPECT_EQ(words("a\xFF\xE4\xB8z"), "|a|\xFF\xE4\xB8|z|");
  EXPECT_EQ(words("\xE4"), "|\xE4|");
  EXPECT_EQ(words(" \xC0\xAF!"), "| \xC0\xAF!|");
}

}  // namespace
}  // namespace mm
