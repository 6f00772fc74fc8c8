// Which of several added tokens wins.
#include "tokenizer/files/added_tokens.h"

#include <gtest/gtest.h>

#include <map>

#include "core/random.h"

namespace mm {
namespace {

/// The matches in `text` as `id@begin+length`.
std::string matches(const AddedTokenMatcher& matcher, std::string_view text) {
  std::vector<AddedTokenMatcher::Match> found;
  matcher.find(text, found);
  std::string all;
  for (const AddedTokenMatcher::Match& match : found) {
    all += std::to_string(match.id) + "@" + std::to_string(match.begin) + "+" + std::to_string(match.length) + " ";
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

/// The definition: at each place the longest token that begins there, and on behind it.
std::string matches_by_definition(const std::vector<AddedTokenMatcher::Token>& tokens, std::string_view text) {
  std::string all;
  for (size_t at = 0; at < text.size();) {
    const AddedTokenMatcher::Token* longest = nullptr;
    for (const AddedTokenMatcher::Token& token : tokens) {
      const bool longer = longest == nullptr || token.content.size() > longest->content.size();
      if (text.substr(at).starts_with(token.content) && longer) longest = &token;
    }
    if (longest != nullptr) {
      const size_t length = longest->content.size();
      all += std::to_string(longest->id) + "@" + std::to_string(at) + "+" + std::to_string(length) + " ";
      at += length;
    } else {
      ++at;
    }
  }
  return all;
}

TEST(AddedTokens, AnyTokensInAnyTextMatchAsDefined) {
  RandomStream random(1, "added tokens");
  const auto letters = [&](uint64_t most) {
    std::string text;
    for (uint64_t length = 1 + random.below(most); length > 0; --length)
      text += static_cast<char>('a' + random.below(3));
    return text;
  };
  for (int round = 0; round < 2000; ++round) {
    std::map<std::string, int32_t> contents;
    for (uint64_t count = 1 + random.below(8); count > 0; --count) contents.try_emplace(letters(6), count);
    std::vector<AddedTokenMatcher::Token> tokens;
    for (const auto& [content, id] : contents) tokens.push_back({content, id});
    const std::string text = letters(40);
    ASSERT_EQ(matches(AddedTokenMatcher(tokens), text), matches_by_definition(tokens, text)) << text;
  }
}

TEST(AddedTokens, NoTokensMatchNothing) {
  EXPECT_EQ(matches(AddedTokenMatcher({}), "<s>"), "");
}

}  // namespace
}  // namespace mm
