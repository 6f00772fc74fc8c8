// Texts that are too long for the library in one piece.
#include "tokenizer/sentencepiece_tokenizer.h"

#include <gtest/gtest.h>

#include "core/files/files.h"
#include "train_small.h"

namespace mm {
namespace {

TEST(SentencepieceTokenizer, ALineOfMegabytesHasTheTokensOfItsWords) {
  const std::string path = ::testing::TempDir() + "mm_sentencepiece_tokenizer_test.model";
  write_file_atomic(path, train_small_tokenizer(path));
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  const std::string clause = " the quick brown fox jumps over the lazy dog, and 22 dogs sleep on.";
  const std::vector<int32_t> once = tokenizer->encode(clause);
  std::string text;
  std::vector<int32_t> wanted;
  while (text.size() < 2'500'000) {
    text += clause;
    wanted.insert(wanted.end(), once.begin(), once.end());
  }
  EXPECT_TRUE(tokenizer->encode(text) == wanted);
}

TEST(SentencepieceTokenizer, ALineOfMegabytesWithoutASpaceIsKept) {
  const std::string path = ::testing::TempDir() + "mm_sentencepiece_tokenizer_test.model";
  write_file_atomic(path, train_small_tokenizer(path));
  const std::unique_ptr<Tokenizer> tokenizer = load_tokenizer(path);
  std::string text;
  while (text.size() < 1'200'000) text += "床前明月光";
  EXPECT_TRUE(tokenizer->decode(tokenizer->encode(text)) == text);
}

}  // namespace
}  // namespace mm
