// Training: the same text gives the same bytes, the sample keeps its cap, and bad sizes are explained.
#include "tokenizer/train_tokenizer.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "core/files.h"
#include "tokenizer/tokenizer.h"
#include "train_small.h"

namespace mm {
namespace {

TEST(TrainTokenizer, TrainingTwiceGivesTheSameBytes) {
  EXPECT_TRUE(train_small_tokenizer() == train_small_tokenizer());
}

TEST(TrainTokenizer, TheSampleIsSpreadEvenlyAndNeverExceedsItsShare) {
  TokenizerTrainer trainer({.vocab_size = 400, .character_coverage = 1, .keep = 0.25});
  int64_t shown = 0;
  for (int i = 0; i < 400; ++i) {
    const std::string text = "line " + std::to_string(i) + "\n";
    trainer.add(text);
    shown += static_cast<int64_t>(text.size());
    ASSERT_LE(trainer.kept_bytes(), shown / 4);
    ASSERT_GE(trainer.kept_bytes(), shown / 4 - 10);
  }
}

TEST(TrainTokenizer, AHugeLineIsCutAndNotDropped) {
  std::string text;
  while (text.size() < 100000) text += "光";
  TokenizerTrainer trainer({.vocab_size = 400, .character_coverage = 1, .keep = 0.5});
  trainer.add(text);
  EXPECT_GT(trainer.kept_bytes(), 40000);
}

TEST(TrainTokenizer, TooLittleTextForTheVocabularyIsExplained) {
  TokenizerTrainer trainer({.vocab_size = 6400, .character_coverage = 1, .keep = 1});
  trainer.add("hello");
  try {
    trainer.train();
    FAIL() << "trained a vocabulary of 6,400 on five bytes";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    EXPECT_EQ(std::string(error.what()).find("tokenizer.vocab_size: got 6,400 with 5 bytes of text, want "), 0u);
    EXPECT_NE(std::string(error.what()).find("Please set it to a value <= "), std::string::npos);
  }
}

TEST(TrainTokenizer, TextWithoutSpacesOrLineBreaksStillGivesATokenizerThatKeepsThem) {
  TokenizerTrainer trainer({.vocab_size = 264, .character_coverage = 1, .keep = 1});
  for (int i = 0; i < 9; ++i) trainer.add("abcabc");
  const std::string path = ::testing::TempDir() + "mm_train_tokenizer_test_spaces.model";
  write_file_atomic(path, trainer.train());
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  const std::string text = "a b\n  ▁ c";
  EXPECT_EQ(tokenizer->decode(tokenizer->encode(text)), text);
}

TEST(TrainTokenizer, CharactersThatSentencepieceReservesAreNoTrouble) {
  using namespace std::string_literals;
  TokenizerTrainer trainer({.vocab_size = 268, .character_coverage = 0.98, .keep = 1});
  for (const std::string& text : {"\0"s, "\t\t"s, "▅"s, "▁"s, "<s></s><unk>"s, "\uFEFF\uFFFD"s, "\n"s, "  "s}) {
    trainer.add(text);
    trainer.add("abcabcab " + text + "abcabcab");
  }
  EXPECT_FALSE(trainer.train().empty());
}

TEST(TrainTokenizer, NoTextAtAllIsExplained) {
  EXPECT_THROW(TokenizerTrainer({.vocab_size = 400, .character_coverage = 1, .keep = 1}).train(), Error);
}

}  // namespace
}  // namespace mm
