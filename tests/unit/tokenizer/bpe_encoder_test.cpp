// Short words, cut words and long words all merge as the definition of byte-pair encoding says.
#include "tokenizer/bpe/bpe_encoder.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

#include "core/random.h"
#include "test_vocabulary.h"

namespace mm {
namespace {

/// The definition: the least rank, the leftmost of those, until nothing merges.
std::vector<int32_t> merged_by_definition(const TestVocabulary& vocabulary, std::string_view word) {
  std::map<std::pair<int32_t, int32_t>, size_t> ranks;
  for (size_t rank = 0; rank < vocabulary.merges.size(); ++rank) {
    ranks[{vocabulary.merges[rank].left, vocabulary.merges[rank].right}] = rank;
  }
  std::vector<int32_t> tokens;
  for (const char c : word) tokens.push_back(static_cast<unsigned char>(c));
  while (true) {
    size_t best = vocabulary.merges.size(), best_at = 0;
    for (size_t at = 0; at + 1 < tokens.size(); ++at) {
      const auto found = ranks.find({tokens[at], tokens[at + 1]});
      if (found == ranks.end() || found->second >= best) continue;
      best = found->second;
      best_at = at;
    }
    if (best == vocabulary.merges.size()) return tokens;
    tokens[best_at] = vocabulary.merges[best].merged;
    tokens.erase(tokens.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

std::vector<int32_t> encoded(const BpeModel& model, std::string_view word) {
  BpeEncoder encoder(model);
  const std::span<const int32_t> ids = encoder.encode(word);
  return {ids.begin(), ids.end()};
}

/// Merges in an order that training would not give: parts may come after what they make up, pairs twice.
TestVocabulary random_vocabulary(RandomStream& random) {
  TestVocabulary vocabulary;
  std::vector<std::string> parts = {"a", "b", "c"};
  const uint64_t count = 1 + random.below(40);
  std::vector<std::pair<std::string, std::string>> pairs;
  for (uint64_t i = 0; i < count; ++i) {
    pairs.emplace_back(parts[random.below(parts.size())], parts[random.below(parts.size())]);
    if (pairs.back().first.size() + pairs.back().second.size() < 20) {
      parts.push_back(pairs.back().first + pairs.back().second);
    }
  }
  for (size_t i = pairs.size(); i > 1; --i) {
    if (random.below(2) == 0) std::swap(pairs[i - 1], pairs[random.below(i)]);
  }
  for (const auto& [left, right] : pairs) vocabulary.add(left, right);
  return vocabulary;
}

TEST(BpeEncoder, WordsOfEveryLengthMergeByRankThenFromTheLeft) {
  RandomStream random(1, "bpe encoder");
  for (int round = 0; round < 400; ++round) {
    const TestVocabulary vocabulary = random_vocabulary(random);
    const BpeModel model = vocabulary.model();
    for (const uint64_t length :
         {uint64_t{1}, uint64_t{2}, uint64_t{31}, uint64_t{32}, uint64_t{33}, 34 + random.below(200)}) {
      std::string word;
      const uint64_t letters = 1 + random.below(4);
      while (word.size() < length) word += static_cast<char>('a' + random.below(letters));
      ASSERT_EQ(encoded(model, word), merged_by_definition(vocabulary, word)) << word;
    }
  }
}

TEST(BpeEncoder, RunsOfOneCharacterMergeFromTheLeft) {
  TestVocabulary vocabulary;
  vocabulary.add("a", "a");
  vocabulary.add("aa", "aa");
  vocabulary.add("aa", "a");
  vocabulary.add("aaaa", "aaa");
  vocabulary.add("\xE4", "\xB8");
  vocabulary.add("\xE4\xB8", "\xAD");
  vocabulary.add("\xE4\xB8\xAD", "\xE4\xB8\xAD");
  const BpeModel model = vocabulary.model();
  for (const std::string character : {"a", "b", "\xE4\xB8\xAD"}) {
    std::string word;
    for (size_t length = 1; length < 1500; length += 1 + length / 7) {
      while (word.size() < length) word += character;
      ASSERT_EQ(encoded(model, word), merged_by_definition(vocabulary, word)) << character << length;
    }
  }
}

TEST(BpeEncoder, AMillionEqualBytesAreHalvedLevelByLevel) {
  TestVocabulary vocabulary;
  for (std::string token = "a"; token.size() <= 512; token += token) vocabulary.add(token, token);
  std::vector<int32_t> wanted(1024, vocabulary.id_of(std::string(1024, 'a')));
  wanted.push_back('a');
  EXPECT_EQ(encoded(vocabulary.model(), std::string((1 << 20) + 1, 'a')), wanted);
}

TEST(BpeEncoder, OneEncoderTakesAnyNumberOfWords) {
  TestVocabulary vocabulary;
  vocabulary.add("a", "b");
  vocabulary.add("ab", "ab");
  const BpeModel model = vocabulary.model();
  BpeEncoder encoder(model);
  std::vector<int32_t> ids, wanted;
  for (size_t length : {50, 3, 500, 40}) {
    std::string word;
    while (word.size() < length) word += "ab";
    const std::span<const int32_t> encoded = encoder.encode(word);
    ids.insert(ids.end(), encoded.begin(), encoded.end());
    for (const int32_t id : merged_by_definition(vocabulary, word)) wanted.push_back(id);
  }
  EXPECT_EQ(ids, wanted);
}

TEST(JoinTable, APlaceInsideATokenIsNeverAPlaceToCut) {
  JoinTable table(100);
  table.add("abcd");
  table.add("xy");
  table.add("pqr");
  for (const size_t at : {3, 4, 5}) EXPECT_TRUE(table.may_join("zzabcdzz", at)) << at;
  EXPECT_TRUE(table.may_join("xy", 1));
  EXPECT_TRUE(table.may_join("zxyz", 2));
  EXPECT_TRUE(table.may_join("zpqrz", 2));
  EXPECT_TRUE(table.may_join("zpqrz", 3));
  // With other neighbours the same two bytes are in no token.
  EXPECT_FALSE(table.may_join("zzbczz", 3));
  EXPECT_FALSE(table.may_join("bc", 1));
  EXPECT_FALSE(table.may_join("zz", 1));
}

}  // namespace
}  // namespace mm
