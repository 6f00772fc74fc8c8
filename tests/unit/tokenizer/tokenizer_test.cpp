// What every loaded tokenizer promises: nothing lost, bytes counted, mistakes named.
#include "tokenizer/tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "core/characters/utf8.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/random.h"
#include "train_small.h"

namespace mm {
namespace {

std::string temporary_path(const std::string& name) {
  return ::testing::TempDir() + "mm_tokenizer_test_" + name;
}

class TokenizerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    const std::string path = temporary_path("small.model");
    write_file_atomic(path, train_small_tokenizer(path));
    tokenizer_ = load_tokenizer(path);
  }
  static void TearDownTestSuite() { tokenizer_.reset(); }

  static inline std::unique_ptr<Tokenizer> tokenizer_;
};

/// The message of the Error(kData) that loading `path` ends in.
std::string load_error(const std::string& path) {
  try {
    load_tokenizer(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    return error.what();
  }
  return "no error";
}

const std::vector<std::string>& hard_texts() {
  using namespace std::string_literals;
  static const std::vector<std::string> texts = {
      "",
      " ",
      "\n",
      "the quick brown fox",
      "  two  spaces,   three, and trailing  ",
      "line\nline\n\n\nline\r\n",
      "\ttab\t\ttabs \t mixed",
      "def f(x):\n    if x:\n\t\treturn '''a'''  # 12345.67\n",
      "床前明月光，疑是地上霜。",
      "汉字 and English, 日本語, 한국어, العربية",
      "emoji 😀👩‍👩‍👧‍👦🇨🇳 é e\u0301",
      "the space mark itself: ▁ ▁▁ and ▅ ⁇",
      "<s>not control</s><unk><0x0A>",
      "nul \0 inside"s,
      "\u00A0\u3000\u200B\uFEFF\uFFFD\U0010FFFF",
  };
  return texts;
}

TEST_F(TokenizerTest, DecodingGivesBackEveryByteOfAnyValidText) {
  for (const std::string& text : hard_texts()) EXPECT_EQ(tokenizer_->decode(tokenizer_->encode(text)), text);
}

TEST_F(TokenizerTest, EveryCodePointSurvives) {
  std::string text;
  for (uint32_t c = 0; c < 0x20000; c += c < 0x3000 ? 1 : 7) {
    if (c >= 0xD800 && c < 0xE000) continue;
    append_utf8(c, text);
  }
  EXPECT_TRUE(tokenizer_->decode(tokenizer_->encode(text)) == text);
}

TEST_F(TokenizerTest, TokenBytesAddUpToTheText) {
  for (const std::string& text : hard_texts()) {
    const std::vector<int32_t> ids = tokenizer_->encode(text);
    const int64_t bytes = std::accumulate(ids.begin(), ids.end(), int64_t{0},
                                          [](int64_t sum, int32_t id) { return sum + tokenizer_->token_bytes(id); });
    EXPECT_EQ(bytes, static_cast<int64_t>(text.size())) << text;
  }
}

TEST_F(TokenizerTest, ControlTokensStandForNothingAndNeverComeFromText) {
  EXPECT_EQ(tokenizer_->bos_id(), 1);
  EXPECT_EQ(tokenizer_->eos_id(), 2);
  EXPECT_EQ(tokenizer_->token_bytes(1), 0);
  EXPECT_EQ(tokenizer_->decode(std::vector<int32_t>{1, 2}), "");
  EXPECT_EQ(tokenizer_->decode_with_control(std::vector<int32_t>{1, 2}), "<s></s>");
  for (const int32_t id : tokenizer_->encode("<s>a</s>")) EXPECT_GT(id, 2);
}

TEST_F(TokenizerTest, IdsStayInsideTheVocabulary) {
  EXPECT_EQ(tokenizer_->vocab_size(), 400);
  EXPECT_THROW(tokenizer_->decode(std::vector<int32_t>{400}), Error);
  EXPECT_THROW(tokenizer_->token_bytes(-1), Error);
}

TEST_F(TokenizerTest, WordsOfTheTrainingTextAreFewTokens) {
  EXPECT_LE(tokenizer_->encode("the quick brown fox").size(), 8u);
}

TEST(LoadTokenizer, AMissingFileNamesThePathAndBothWaysOut) {
  EXPECT_EQ(load_error("no/such.model"),
            "tokenizer.path: got no file at no/such.model, want a sentencepiece .model file or a tokenizer.json "
            "(set tokenizer.train to true to train it from data.train, or put the file there)");
}

TEST(LoadTokenizer, AFileOfAnUnknownKindIsRefusedByName) {
  const std::string path = temporary_path("tokenizer.txt");
  write_file_atomic(path, "{}");
  EXPECT_EQ(load_error(path), "tokenizer.path: got " + path +
                                  ", want a sentencepiece .model file or a tokenizer.json (name another file)");
}

TEST(LoadTokenizer, ADamagedSentencepieceModelIsReadOrRefusedAndNeverEndsTheProgram) {
  const std::string path = temporary_path("mutant.model");
  const std::string whole = train_small_tokenizer(path);
  RandomStream random(5, "mutants");
  for (int mutant = 0; mutant < 100; ++mutant) {
    std::string bytes = whole;
    for (uint64_t change = 0; change <= random.below(4); ++change) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.below(256));
    }
    write_file_atomic(path, bytes);
    try {
      load_tokenizer(path);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ExitCode::kData) << error.what();
    }
  }
}

TEST(LoadTokenizer, DamagedFilesAreRefused) {
  const std::string path = temporary_path("damaged.model");
  for (const std::string& bytes :
       {std::string(), std::string("hello"), train_small_tokenizer("small.model").substr(0, 2000)}) {
    write_file_atomic(path, bytes);
    EXPECT_NE(load_error(path).find("want a sentencepiece model"), std::string::npos) << load_error(path);
  }
}

}  // namespace
}  // namespace mm
