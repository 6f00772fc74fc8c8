// The fast encoder gives the tokens of the definition: word after word, each merged from its bytes.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "core/characters/utf8.h"
#include "core/error.h"
#include "core/random.h"
#include "small_tokenizer_json.h"
#include "test_vocabulary.h"
#include "tokenizer/byte_level_encoder.h"

namespace mm {
namespace {

std::string spelled(uint64_t code_point) {
  std::string text;
  append_utf8(static_cast<char32_t>(code_point), text);
  return text;
}

/// Valid UTF-8 of what is hard: odd spaces, contractions, runs, pieces of added tokens, characters of all planes.
std::string random_text(RandomStream& random, uint64_t most_pieces) {
  static const std::vector<std::string> kPieces = {" ",
                                                   " ",
                                                   "  ",
                                                   "\n",
                                                   "\r\n",
                                                   "\t",
                                                   "\u3000",
                                                   "\u00A0",
                                                   "\u2003",
                                                   "'s",
                                                   "'",
                                                   "'re",
                                                   "'ll",
                                                   "''",
                                                   "'d ",
                                                   "'ve1",
                                                   "the",
                                                   " of",
                                                   "Hello",
                                                   "12345",
                                                   "7",
                                                   "٣",
                                                   "...",
                                                   "，",
                                                   "。",
                                                   "、",
                                                   "的",
                                                   "我们",
                                                   "中国",
                                                   "人",
                                                   "龘",
                                                   "é",
                                                   "ß",
                                                   "한국",
                                                   "日本",
                                                   "<s>",
                                                   "<|im_start|>",
                                                   "<|im_",
                                                   "end|>",
                                                   "😀",
                                                   "👩‍👩‍👧",
                                                   "\u0301",
                                                   "=====",
                                                   "-",
                                                   "a",
                                                   "\x7F",
                                                   "٠",
                                                   "Ⅷ"};
  std::string text;
  for (uint64_t count = random.below(most_pieces + 1); count > 0; --count) {
    const uint64_t kind = random.below(10);
    uint64_t repeats = random.below(12) == 0 ? 1 + random.below(50) : 1;
    std::string piece = kPieces[random.below(kPieces.size())];
    if (kind == 0) piece = spelled(random.below(0xD800));
    if (kind == 1) piece = spelled(0xE000 + random.below(0x110000 - 0xE000));
    if (kind == 2) piece = spelled(0x4E00 + random.below(200));
    if (kind == 3) piece = spelled(random.below(0x80));
    for (; repeats > 0; --repeats) text += piece;
  }
  return text;
}

template <class Id>
std::vector<int32_t> encoded(ByteLevelEncoder<Id>& encoder, std::string_view text) {
  TokenBuffer<Id> ids;
  ids.push_back(7);
  encoder.encode_into(text, ids);
  EXPECT_EQ(ids.ids()[0], 7);
  return {ids.ids().begin() + 1, ids.ids().end()};
}

/// Both widths, names of control tokens as tokens and as text, each text twice, so that the second time comes from the
/// caches.
void expect_definition(const ByteLevelModel& model, RandomStream& random, int rounds) {
  for (const ControlNames names : {ControlNames::kParse, ControlNames::kText}) {
    ByteLevelEncoder<uint16_t> narrow(model, names);
    ByteLevelEncoder<int32_t> wide(model, names);
    for (int round = 0; round < rounds; ++round) {
      const std::string text = random_text(random, round % 50 == 0 ? 400 : 20);
      const std::vector<int32_t> wanted = encode_by_words(model, text, names);
      for (int again = 0; again < 2; ++again) {
        ASSERT_EQ(encoded(narrow, text), wanted) << text;
        ASSERT_EQ(encoded(wide, text), wanted) << text;
      }
    }
  }
}

ByteLevelModel model_of(const TestVocabulary& vocabulary, const WordRules& words = {}, bool nfc = false) {
  std::vector<std::string_view> merged;
  for (const Merge& merge : vocabulary.merges) merged.push_back(vocabulary.texts[static_cast<size_t>(merge.merged)]);
  const AddedTokenMatcher::Token control = {"<s>", 300}, other = {"<|im_start|>", 301};
  const AddedTokens added = {.all = AddedTokenMatcher({control, other}),
                             .control = AddedTokenMatcher({control}),
                             .others = AddedTokenMatcher({other})};
  return {added, nfc, words, vocabulary.model(), CharacterTable(merged)};
}

TEST(Encoder, GoldenTokenizersOnRandomTexts) {
  RandomStream random(1, "encoder");
  for (const char* name : {"g1_g2", "g3", "g4"}) {
    const auto tokenizer = load_tokenizer(std::string(MM_GOLDEN) + "/tokenizers/" + name);
    const auto encoder = tokenizer->narrow_encoder();
    TokenBuffer<uint16_t> ids;
    for (int round = 0; round < 3000; ++round) {
      const std::string text = random_text(random, round % 50 == 0 ? 400 : 20);
      ids.clear();
      encoder->encode_into(text, ids);
      ASSERT_TRUE(std::ranges::equal(ids.ids(), tokenizer->encode(text))) << text;
    }
  }
}

/// Tokens of bytes that training would hardly make: halves of characters on either side, orders that do not ascend.
TEST(Encoder, VocabulariesThatBreakCharacters) {
  RandomStream random(2, "encoder");
  for (int round = 0; round < 60; ++round) {
    TestVocabulary vocabulary;
    for (uint64_t count = 1 + random.below(120); count > 0; --count) {
      const std::string text = random_text(random, 6);
      if (text.size() < 2) continue;
      // Two neighbouring tokens of some text, as they stand after the merges so far, or any two stretches of it.
      const uint64_t begin = random.below(text.size() - 1);
      const uint64_t middle = begin + 1 + random.below(std::min<uint64_t>(6, text.size() - begin - 1));
      const uint64_t end = middle + 1 + random.below(std::min<uint64_t>(6, text.size() - middle));
      for (uint64_t at = begin + 1; at < middle; ++at) {
        vocabulary.add(text.substr(begin, at - begin), text.substr(at, 1));
      }
      for (uint64_t at = middle + 1; at < end; ++at) {
        vocabulary.add(text.substr(middle, at - middle), text.substr(at, 1));
      }
      vocabulary.add(text.substr(begin, middle - begin), text.substr(middle, end - middle));
    }
    if (random.below(2) == 0) std::ranges::reverse(vocabulary.merges);
    const WordRules cl100k = {.pattern = WordRules::Pattern::kCl100k, .digits = WordRules::Digits::kTogether};
    expect_definition(model_of(vocabulary), random, 40);
    expect_definition(model_of(vocabulary, cl100k, /*nfc=*/true), random, 20);
  }
}

TEST(Encoder, TextsOfEveryLengthAroundABlock) {
  const auto tokenizer = load_tokenizer(std::string(MM_GOLDEN) + "/tokenizers/g4");
  const auto encoder = tokenizer->narrow_encoder();
  TokenBuffer<uint16_t> ids;
  for (const std::string unit : {"a", " ", "'s", " 's", "\n", "\u3000", "的", "，a", "😀", "x\u00A0", "'re", "1 "}) {
    for (size_t before = 50; before < 70; ++before) {
      for (size_t repeats : {1, 2, 30}) {
        std::string text(before, 'b');
        for (size_t i = 0; i < repeats; ++i) text += unit;
        for (const char* end : {"", "c", "的", " "}) {
          const std::string whole = text + end;
          ids.clear();
          encoder->encode_into(whole, ids);
          ASSERT_TRUE(std::ranges::equal(ids.ids(), tokenizer->encode(whole))) << whole;
        }
      }
    }
  }
}

TEST(Encoder, BytesThatAreNotUtf8AreKept) {
  using namespace std::string_literals;
  const auto tokenizer = parsed(small_tokenizer_json());
  const auto encoder = tokenizer->encoder();
  for (const std::string& text : {"\xE4\xB8"s, "a\xFF\xC0\x80 b"s, "\xED\xA0\x80 ab"s, "ab<s>\x80"s}) {
    TokenBuffer<int32_t> ids;
    encoder->encode_into(text, ids);
    EXPECT_TRUE(std::ranges::equal(ids.ids(), tokenizer->encode(text)));
    EXPECT_EQ(tokenizer->decode_with_control(ids.ids()), text);
  }
}

TEST(Encoder, NamesOfControlTokensAreTextWhereTheyAreNotToBeParsed) {
  const std::string others = added_token_json(262, "<s>x", false) + "," + added_token_json(263, "<t>", true);
  const auto tokenizer =
      parsed(with(small_tokenizer_json(), "],\n\"normalizer\"", "," + others + "],\n\"normalizer\""));
  const auto encoder = tokenizer->encoder(ControlNames::kText);
  const auto ids_of = [&](std::string_view text) {
    TokenBuffer<int32_t> ids;
    encoder->encode_into(text, ids);
    EXPECT_EQ(tokenizer->decode(ids.ids()), text) << "text is not lost as a control token is";
    return std::vector<int32_t>(ids.ids().begin(), ids.ids().end());
  };
  EXPECT_EQ(ids_of("<t>ab"), (std::vector<int32_t>{2 + '<', 2 + 't', 2 + '>', 258}));
  EXPECT_EQ(ids_of("<s>"), (std::vector<int32_t>{2 + '<', 2 + 's', 2 + '>'})) << "BOS, whatever it is marked as";
  EXPECT_EQ(ids_of("<s>x"), std::vector<int32_t>{262}) << "no control token";
  EXPECT_EQ(tokenizer->count_control_names("<t>ab<s></s> <s>"), 4);
  EXPECT_EQ(tokenizer->count_control_names("ab <s"), 0);
}

TEST(Encoder, IdsOf16BitsAreForVocabulariesThatFit) {
  EXPECT_THROW(parsed(with(small_tokenizer_json(), "\"Ġab\":261", "\"Ġab\":65999"))->narrow_encoder(), Error);
}

}  // namespace
}  // namespace mm
