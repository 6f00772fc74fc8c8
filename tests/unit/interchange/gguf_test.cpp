// GGUF files byte for byte, and the tokenizers in them.
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <cstring>
#include <map>

#include "core/files/files.h"
#include "interchange/export/sentencepiece_model.h"
#include "interchange/gguf/gguf_export.h"
#include "interchange/gguf/gguf_file.h"
#include "interchange/gguf/gguf_vocabulary.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"
#include "tests/unit/tokenizer/train_small.h"

namespace mm {
namespace {

/// Reads numbers and texts from the front of a file.
class Bytes {
 public:
  explicit Bytes(std::string bytes) : bytes_(std::move(bytes)) {}
  template <class Number>
  Number number() {
    Number value;
    std::memcpy(&value, bytes_.data() + at_, sizeof value);
    at_ += sizeof value;
    return value;
  }
  std::string text() {
    const auto length = number<uint64_t>();
    at_ += length;
    return bytes_.substr(at_ - length, length);
  }
  size_t place() const { return at_; }
  void go_to(size_t place) { at_ = place; }
  size_t size() const { return bytes_.size(); }

 private:
  std::string bytes_;
  size_t at_ = 0;
};

Bytes written(const GgufSettings& settings, const std::vector<GgufTensor>& tensors) {
  const TempFolder folder;
  write_gguf(folder / "model.gguf", settings, tensors);
  return Bytes(read_file(folder / "model.gguf", ExitCode::kCheckpoint));
}

TEST(Gguf, HeaderSettingsAndTensorsLieAsTheFormatSays) {
  const at::Tensor first = at::arange(6).to(at::kFloat).view({2, 3});
  Bytes file = written(
      {{"a.number", uint32_t{7}}, {"a.texts", GgufStrings{"x", "yz"}}},
      {{"two.weight", GgufType::kF16, {2, 2, 3}, {first, first + 6}}, {"one.weight", GgufType::kF32, {3}, {first[1]}}});
  EXPECT_EQ(file.number<uint32_t>(), 0x46554747u);
  EXPECT_EQ(file.number<uint32_t>(), 3u);
  EXPECT_EQ(file.number<uint64_t>(), 2u);  // tensors
  EXPECT_EQ(file.number<uint64_t>(), 2u);  // settings
  EXPECT_EQ(file.text(), "a.number");
  EXPECT_EQ(file.number<uint32_t>(), 4u);
  EXPECT_EQ(file.number<uint32_t>(), 7u);
  EXPECT_EQ(file.text(), "a.texts");
  EXPECT_EQ(file.number<uint32_t>(), 9u);
  EXPECT_EQ(file.number<uint32_t>(), 8u);
  EXPECT_EQ(file.number<uint64_t>(), 2u);
  EXPECT_EQ(file.text(), "x");
  EXPECT_EQ(file.text(), "yz");

  EXPECT_EQ(file.text(), "two.weight");
  EXPECT_EQ(file.number<uint32_t>(), 3u);
  EXPECT_EQ(file.number<uint64_t>(), 3u);  // the contiguous size first
  EXPECT_EQ(file.number<uint64_t>(), 2u);
  EXPECT_EQ(file.number<uint64_t>(), 2u);
  EXPECT_EQ(file.number<uint32_t>(), 1u);
  EXPECT_EQ(file.number<uint64_t>(), 0u);
  EXPECT_EQ(file.text(), "one.weight");
  EXPECT_EQ(file.number<uint32_t>(), 1u);
  EXPECT_EQ(file.number<uint64_t>(), 3u);
  EXPECT_EQ(file.number<uint32_t>(), 0u);
  EXPECT_EQ(file.number<uint64_t>(), 32u);  // behind 24 bytes, at the next multiple of 32

  const size_t data = (file.place() + 31) / 32 * 32;
  EXPECT_EQ(file.size(), data + 64);
  file.go_to(data + 22);
  EXPECT_EQ(file.number<uint16_t>(), 0x4980u);  // 11 in fp16: the last value of the second part
  file.go_to(data + 32);
  EXPECT_EQ(file.number<float>(), 3.0f);
}

TEST(Gguf, AQuantisedBlockIsAScaleAndWholeMultiplesOfIt) {
  at::Tensor row = at::arange(64).to(at::kFloat).view({1, 64}) - 31;
  row[0][0] = 0;
  Bytes file = written({}, {{"w", GgufType::kQ8, {1, 64}, {row}}});
  const size_t data = file.size() - 96;  // 68 bytes, padded
  file.go_to(data);
  EXPECT_EQ(file.number<uint16_t>(), 0x338Fu);  // 30 / 127 in fp16
  EXPECT_EQ(file.number<int8_t>(), 0);
  EXPECT_EQ(file.number<int8_t>(), -127);
  file.go_to(data + 34 + 2 + 31);
  EXPECT_EQ(file.number<int8_t>(), 127);
}

TEST(Gguf, AValueBeyondFp16IsRefusedByName) {
  const Thrown error = thrown_by([] { written({}, {{"w", GgufType::kF16, {1}, {at::full({1}, 70000.0)}}}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_NE(error.message.find(":w: got values beyond 65504"), std::string::npos) << error.message;
}

std::map<std::string, GgufValue> vocabulary_of(const std::string& path, int64_t rows) {
  const GgufSettings settings = gguf_vocabulary(path, rows);
  return {settings.begin(), settings.end()};
}

TEST(Gguf, MiniMindsTokenizerIsCutByGpt2sPattern) {
  auto settings = vocabulary_of(MM_GOLDEN_DATA "/tokenizers/g4/tokenizer.json", 6410);
  EXPECT_EQ(std::get<std::string>(settings["tokenizer.ggml.model"]), "gpt2");
  EXPECT_EQ(std::get<std::string>(settings["tokenizer.ggml.pre"]), "gpt-2");
  const auto tokens = std::get<GgufStrings>(settings["tokenizer.ggml.tokens"]);
  const auto kinds = std::get<GgufInts>(settings["tokenizer.ggml.token_type"]);
  EXPECT_EQ(tokens.size(), 6410u);
  EXPECT_EQ(tokens[1], "<|im_start|>");
  EXPECT_EQ(kinds[1], 3);     // control
  EXPECT_EQ(kinds[100], 1);   // normal
  EXPECT_EQ(kinds[6405], 5);  // a row of the embedding without a token
  EXPECT_EQ(std::get<uint32_t>(settings["tokenizer.ggml.eos_token_id"]), 2u);
  EXPECT_FALSE(std::get<bool>(settings["tokenizer.ggml.add_bos_token"]));
  EXPECT_GT(std::get<GgufStrings>(settings["tokenizer.ggml.merges"]).size(), 5000u);
}

TEST(Gguf, ASentencepieceModelKeepsItsScoresAndPutsNoSpaceBeforeATextUnlessItDid) {
  const TempFolder folder;
  const std::string bytes = train_small_tokenizer("small.model");
  write_file_atomic(folder / "small.model", bytes);
  auto settings = vocabulary_of(folder / "small.model", 400);
  EXPECT_EQ(std::get<std::string>(settings["tokenizer.ggml.model"]), "llama");
  EXPECT_FALSE(std::get<bool>(settings["tokenizer.ggml.add_space_prefix"]));
  EXPECT_TRUE(std::get<bool>(settings["tokenizer.ggml.add_bos_token"]));
  const auto kinds = std::get<GgufInts>(settings["tokenizer.ggml.token_type"]);
  EXPECT_EQ((std::vector<int32_t>(kinds.begin(), kinds.begin() + 4)), (std::vector<int32_t>{2, 3, 3, 6}));
  const auto scores = std::get<GgufFloats>(settings["tokenizer.ggml.scores"]);
  EXPECT_GT(scores[259], scores[300]);  // the earlier merge is the better one
}

TEST(SentencepieceModel, ThatIsCutShortIsRefused) {
  const std::string bytes = train_small_tokenizer("small.model");
  EXPECT_EQ(read_sentencepiece_model(bytes, "x.model").pieces.size(), 400u);
  EXPECT_TRUE(read_sentencepiece_model(bytes, "x.model").is_bpe);
  for (const size_t length : {size_t{1}, bytes.size() / 2, bytes.size() - 1}) {
    const Thrown error = thrown_by([&] { read_sentencepiece_model(bytes.substr(0, length), "x.model"); });
    EXPECT_EQ(error.code, ExitCode::kData) << length;
  }
}

TEST(Gguf, WithoutATokenizerNothingIsWritten) {
  const TempFolder folder;
  ModelConfig model;
  Problems problems;
  resolve_model(model, "test", problems);
  const Thrown error = thrown_by([&] { write_gguf_model(folder / "x.gguf", {}, model, "fp32", {}); });
  EXPECT_EQ(error.code, ExitCode::kData);
  EXPECT_EQ(path_kind(folder / "x.gguf", ExitCode::kCheckpoint), PathKind::kMissing);
}

}  // namespace
}  // namespace mm
