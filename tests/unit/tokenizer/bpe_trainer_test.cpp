// Training byte-level BPE: the merges of Hugging Face's tokenizers, a file that comes back, sizes explained.
#include "tokenizer/training/bpe_trainer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "core/random.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "train_small.h"

namespace mm {
namespace {

const std::string kGolden = std::string(MM_GOLDEN) + "/tokenizers/";

std::vector<std::string> golden_texts() {
  std::ifstream file(kGolden + "g4_ids.jsonl");
  std::vector<std::string> texts;
  for (std::string line; std::getline(file, line);) texts.push_back(nlohmann::json::parse(line)["text"]);
  return texts;
}

std::string trained(const std::vector<std::string>& texts, const TokenizerTrainer::Options& options) {
  BpeTrainer trainer(options);
  for (const std::string& text : texts) trainer.add(text);
  return trainer.train("t.json")[0].bytes;
}

TEST(BpeTrainer, MergesAndIdsAreThoseOfTheLibrary) {
  const std::string wanted = read_file(kGolden + "trained_1000.json", ExitCode::kData);
  EXPECT_EQ(trained(golden_texts(), {.vocab_size = 1000}), wanted);
}

/// The definition, word by word and pair by pair, for texts whose tokens each have one derivation.
std::vector<std::pair<std::string, std::string>> merges_by_definition(WordCounts counts, size_t merges) {
  std::vector<std::pair<std::vector<std::string>, int64_t>> words;
  std::map<std::string, uint32_t> ids;
  for (int byte = 0; byte < 256; ++byte) ids[std::string(1, static_cast<char>(byte))] = static_cast<uint32_t>(byte);
  for (const auto& [word, count] : counts) {
    words.push_back({{}, count});
    for (const char byte : word) words.back().first.emplace_back(1, byte);
  }
  std::vector<std::pair<std::string, std::string>> made;
  while (made.size() < merges) {
    std::map<std::pair<uint32_t, uint32_t>, int64_t> pairs;
    std::map<uint32_t, std::string> names;
    for (const auto& [name, id] : ids) names[id] = name;
    for (const auto& [word, count] : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) pairs[{ids.at(word[i]), ids.at(word[i + 1])}] += count;
    }
    const auto best = std::ranges::max_element(pairs, {}, [](const auto& pair) { return pair.second; });  // the first
    if (best == pairs.end()) break;
    const std::string left = names[best->first.first], right = names[best->first.second];
    made.emplace_back(left, right);
    ids.try_emplace(left + right, static_cast<uint32_t>(ids.size()));
    for (auto& [word, count] : words) {
      for (size_t i = 0; i + 1 < word.size(); ++i) {
        if (word[i] != left || word[i + 1] != right) continue;
        word[i] += right;
        word.erase(word.begin() + static_cast<std::ptrdiff_t>(i) + 1);
      }
    }
  }
  return made;
}

TEST(MergeLearner, CountsKeptUpToDateGiveTheMergesOfCountsTakenAnew) {
  RandomStream random(1, "merge learner");
  for (int round = 0; round < 60; ++round) {
    WordCounts words;
    for (uint64_t count = 1 + random.below(30); count > 0; --count) {
      std::string word;
      for (uint64_t length = 1 + random.below(9); length > 0; --length)
        word += static_cast<char>('a' + random.below(9));
      words[word] += 1 + static_cast<int64_t>(random.below(50));
    }
    std::vector<std::string> start;
    std::vector<uint32_t> byte_tokens;
    for (int byte = 0; byte < 256; ++byte) {
      start.emplace_back(1, static_cast<char>(byte));
      byte_tokens.push_back(static_cast<uint32_t>(byte));
    }
    const LearnedVocabulary learned = learn_merges(words, start, byte_tokens, 256 + 12);
    std::vector<std::pair<std::string, std::string>> merges;
    for (const auto& [left, right] : learned.merges) merges.emplace_back(learned.tokens[left], learned.tokens[right]);
    if (learned.tokens.size() != 256 + merges.size()) continue;  // two ways to one token: the golden file has those
    ASSERT_EQ(merges, merges_by_definition(words, merges.size())) << round;
  }
}

TEST(BpeTrainer, TrainingTwiceGivesTheSameBytesHoweverTheTextIsCounted) {
  std::vector<std::string> texts = golden_texts();
  const std::string once = trained(texts, {.vocab_size = 500});
  EXPECT_TRUE(trained(texts, {.vocab_size = 500}) == once);
  // Several counts side by side: the same words 200 times as often have the same merges.
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.insert(many.end(), texts.begin(), texts.end());
  EXPECT_TRUE(trained(many, {.vocab_size = 500}) == once);
}

TEST(BpeTrainer, ItsFilesLoadAndKeepEveryByte) {
  const std::string folder = ::testing::TempDir() + "mm_bpe_trainer_test";
  BpeTrainer trainer({.vocab_size = 400});
  add_mixed_text(trainer);
  const auto files = trainer.train(folder + "/tokenizer.json");
  ASSERT_EQ(files.size(), 2u);
  for (const TokenizerTrainer::File& file : files) write_file_atomic(file.path, file.bytes);
  const auto tokenizer = load_tokenizer(folder);
  EXPECT_EQ(tokenizer->vocab_size(), 400);
  EXPECT_EQ(tokenizer->pad_id(), 0);
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 2);
  const std::string text = "The quick 光 <|im_end|>\n\t😀 \xFF";
  EXPECT_EQ(tokenizer->decode_with_control(tokenizer->encode(text)), text);
  EXPECT_LT(tokenizer->encode("the quick brown fox").size(), 8u);
}

TEST(BpeTrainer, AFileOfAnotherNameHasNoConfigBesideIt) {
  BpeTrainer trainer({.vocab_size = 300});
  add_mixed_text(trainer);
  EXPECT_EQ(trainer.train("a/mine.json").size(), 1u);
}

TEST(BpeTrainer, TheSampleNeverExceedsItsShareAndAHugeLineIsCut) {
  BpeTrainer trainer({.vocab_size = 400, .keep = 0.25});
  expect_a_quarter_of(trainer);
  std::string line;
  while (line.size() < 1000000) line += "光";
  trainer.add(line);
  EXPECT_GT(trainer.kept_bytes(), 150000);
}

TEST(BpeTrainer, TooLittleTextForTheVocabularyIsExplained) {
  BpeTrainer trainer({.vocab_size = 6400});
  trainer.add("hello hello");
  try {
    trainer.train("t.json");
    FAIL() << "trained a vocabulary of 6,400 on eleven bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_STREQ(
        error.what(),
        "tokenizer.vocab_size: got 6,400 with 11 bytes of text, want at most 264, which this text can fill (set "
        "another tokenizer.vocab_size or add text to data.train)");
  }
}

}  // namespace
}  // namespace mm
