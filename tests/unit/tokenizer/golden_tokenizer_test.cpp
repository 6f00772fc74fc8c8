// MiniMind's own tokenizers give the ids and texts that Hugging Face's tokenizers gave.
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "core/characters/utf8.h"
#include "core/files/files.h"
#include "tokenizer/byte_level_tokenizer.h"

namespace mm {
namespace {

using Ids = std::vector<int32_t>;

const std::string kFolder = std::string(MM_GOLDEN) + "/tokenizers/";

std::vector<nlohmann::json> lines_of(const std::string& path) {
  std::ifstream file(path);
  std::vector<nlohmann::json> lines;
  for (std::string line; std::getline(file, line);) lines.push_back(nlohmann::json::parse(line));
  return lines;
}

class GoldenTokenizer : public ::testing::TestWithParam<const char*> {
 protected:
  std::unique_ptr<Tokenizer> tokenizer_ = load_tokenizer(kFolder + GetParam());
};

TEST_P(GoldenTokenizer, EveryTextHasTheIdsOfTheLibraryAndComesBack) {
  const auto lines = lines_of(kFolder + GetParam() + "_ids.jsonl");
  ASSERT_EQ(lines.size(), 320u);
  for (const nlohmann::json& line : lines) {
    const std::string text = line["text"];
    const Ids ids = tokenizer_->encode(text);
    EXPECT_EQ(ids, line["ids"].get<Ids>()) << text;
    EXPECT_EQ(tokenizer_->decode_with_control(ids), line.value("decoded", text));
  }
}

TEST_P(GoldenTokenizer, EveryIdSequenceHasTheTextOfTheLibrary) {
  const auto lines = lines_of(kFolder + GetParam() + "_decode.jsonl");
  ASSERT_EQ(lines.size(), 60u);
  for (const nlohmann::json& line : lines) {
    const Ids ids = line["ids"];
    EXPECT_EQ(lossy_utf8(tokenizer_->decode_with_control(ids)), line["decoded"].get<std::string>());
    EXPECT_EQ(lossy_utf8(tokenizer_->decode(ids)), line["decoded_without_special"].get<std::string>());
  }
}

TEST_P(GoldenTokenizer, ControlTokensAreThoseOfTheConfig) {
  EXPECT_EQ(tokenizer_->vocab_size(), 6400);
  EXPECT_EQ(tokenizer_->pad_id(), 0);
  EXPECT_EQ(tokenizer_->bos_id(), 1);
  EXPECT_EQ(tokenizer_->eos_id(), 2);
  EXPECT_EQ(tokenizer_->token_bytes(2), 0);
}

TEST(GoldenPatterns, OtherWaysToCutWordsGiveTheIdsOfTheLibrary) {
  auto json = nlohmann::json::parse(read_file(kFolder + "g4/tokenizer.json", ExitCode::kData));
  const auto cases = lines_of(kFolder + "patterns.jsonl");
  ASSERT_EQ(cases.size(), 4u);
  for (const nlohmann::json& rules : cases) {
    json["normalizer"] = rules["normalizer"];
    json["pre_tokenizer"] = rules["pre_tokenizer"];
    const auto tokenizer = parse_byte_level({"t.json", json.dump()}, {"c.json", ""});
    const auto encoder = tokenizer->narrow_encoder();
    for (const nlohmann::json& line : rules["texts"]) {
      const std::string text = line[0];
      const Ids ids = line[1];
      TokenBuffer<uint16_t> fast;
      encoder->encode_into(text, fast);
      EXPECT_EQ(tokenizer->encode(text), ids) << rules["name"] << " " << text;
      EXPECT_TRUE(std::ranges::equal(fast.ids(), ids)) << rules["name"] << " " << text;
      if (rules["normalizer"].is_null()) {
        EXPECT_EQ(tokenizer->decode_with_control(ids), text);
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Generations, GoldenTokenizer, ::testing::Values("g1_g2", "g3", "g4"),
                         [](const auto& generation) { return std::string(generation.param); });

}  // namespace
}  // namespace mm
