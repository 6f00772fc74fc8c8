// Training a .model: the same text gives the same bytes, the sample keeps its cap, and bad sizes are explained.
#include "tokenizer/training/sentencepiece_trainer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files/files.h"
#include "tokenizer/tokenizer.h"
#include "train_small.h"

namespace mm {
namespace {

TEST(SentencepieceTrainer, TrainingTwiceGivesTheSameBytes) {
  EXPECT_TRUE(train_small_tokenizer("small.model") == train_small_tokenizer("small.model"));
}

TEST(SentencepieceTrainer, TheSampleIsSpreadEvenlyAndNeverExceedsItsShare) {
  SentencepieceTrainer trainer({.vocab_size = 400, .keep = 0.25, .character_coverage = 1});
  expect_a_quarter_of(trainer);
}

TEST(SentencepieceTrainer, AHugeLineIsCutAndNotDropped) {
  std::string text;
  while (text.size() < 100000) text += "光";
  SentencepieceTrainer trainer({.vocab_size = 400, .keep = 0.5, .character_coverage = 1});
  trainer.add(text);
  EXPECT_GT(trainer.kept_bytes(), 40000);
}

TEST(SentencepieceTrainer, TooLittleTextForTheVocabularyIsExplained) {
  SentencepieceTrainer trainer({.vocab_size = 6400, .keep = 1, .character_coverage = 1});
  trainer.add("hello");
  try {
    trainer.train("x.model");
    FAIL() << "trained a vocabulary of 6,400 on five bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_EQ(std::string(error.what()).find("tokenizer.vocab_size: got 6,400 with 5 bytes of text, want "), 0u);
    EXPECT_NE(std::string(error.what()).find("Please set it to a value <= "), std::string::npos);
  }
}

TEST(SentencepieceTrainer, TextWithoutSpacesOrLineBreaksStillGivesATokenizerThatKeepsThem) {
  SentencepieceTrainer trainer({.vocab_size = 264, .keep = 1, .character_coverage = 1});
  for (int i = 0; i < 9; ++i) trainer.add("abcabc");
  const std::string path = ::testing::TempDir() + "mm_train_tokenizer_test_spaces.model";
  write_file_atomic(path, trainer.train(path)[0].bytes);
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  const std::string text = "a b\n  ▁ c";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
}

TEST(SentencepieceTrainer, CharactersThatSentencepieceReservesAreNoTrouble) {
  using namespace std::string_literals;
  SentencepieceTrainer trainer({.vocab_size = 268, .keep = 1, .character_coverage = 0.98});
  for (const std::string& text : {"\0"s, "\t\t"s, "▅"s, "▁"s, "<s></s><unk>"s, "\uFEFF\uFFFD"s, "\n"s, "  "s}) {
    trainer.add(text);
    trainer.add("abcabcab " + text + "abcabcab");
  }
  EXPECT_FALSE(trainer.train("x.model")[0].bytes.empty());
}

TEST(SentencepieceTrainer, NoTextAtAllIsExplained) {
  EXPECT_THROW(SentencepieceTrainer({.vocab_size = 400, .keep = 1, .character_coverage = 1}).train("x.model"), Error);
}

}  // namespace
}  // namespace mm
