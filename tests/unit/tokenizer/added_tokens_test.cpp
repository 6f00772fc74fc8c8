// Which of several added tokens wins.
#include "tokenizer/bpe/added_tokens.h"

#include <gtest/gtest.h>

namespace mm {
namespace {

/// The matches in `text` as `id@begin+length`.
std::string matches(const AddedTokenMatcher& matcher, std::string_view text) {
  std::string all;
  size_t offset = 0;
  while (const auto match = matcher.find(text.substr(offset))) {
    const size_t begin = offset + match->begin;
    all += std::to_string(match->id) + "@" + std::to_string(begin) + "+" + std::to_string(match->length) + " ";
    offset = begin + match->length;
  }
  return all;
}

TEST(AddedTokens, TheLeftmostWinsOverALongerLaterOne) {
  const AddedTokenMatcher matcher({{"ab", 1}, {"bcdef", 2}});
  EXPECT_EQ(matches(matcher, "xabcdef"), "1@1+2 ");
}

TEST(AddedTokens, TheLongestOfThoseThatBeginTogetherWins) {
  const AddedTokenMatcher matcher({{"<a>", 1}, {"<a><b>", 2}, {"<", 3}});
  EXPECT_EQ(matches(matcher, "<a><b>"), "2@0+6 ");
  EXPECT_EQ(matches(matcher, "<a><c>"), "1@0+3 3@3+1 ");
}

TEST(AddedTokens, AFailedLongMatchFallsBackToTheLongestThatWasWhole) {
  const AddedTokenMatcher matcher({{"a", 1}, {"aaa", 2}, {"aaaaa", 3}});
  EXPECT_EQ(matches(matcher, "aaaa"), "2@0+3 1@3+1 ");
  EXPECT_EQ(matches(matcher, "aaaaab"), "3@0+5 ");
}

TEST(AddedTokens, PartsOfTokensAreText) {
  const AddedTokenMatcher matcher({{"<|im_start|>", 1}, {"<|im_end|>", 2}});
  EXPECT_EQ(matches(matcher, "<|im_<|im_end|>|im_start|><|im_start"), "2@5+10 ");
  EXPECT_EQ(matches(matcher, "<|im_end|><|im_end|>"), "2@0+10 2@10+10 ");
}

TEST(AddedTokens, BytesAboveAsciiAreOrderedAsUnsignedNumbers) {
  const AddedTokenMatcher matcher({{"中", 1}, {"中文", 2}, {"z", 3}, {"\x7F", 4}, {"é", 5}});
  EXPECT_EQ(matches(matcher, "z中文é\x7F中"), "3@0+1 2@1+6 5@7+2 4@9+1 1@10+3 ");
}

TEST(AddedTokens, NoTokensMatchNothing) {
  EXPECT_EQ(matches(AddedTokenMatcher({}), "<s>"), "");
}

}  // namespace
}  // namespace mm
