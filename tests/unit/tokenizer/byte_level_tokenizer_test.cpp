// What a byte-level tokenizer promises beyond its ids: bytes kept, control tokens, ids beyond the vocabulary.
#include "tokenizer/byte_level_tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <numeric>

#include "core/error.h"
#include "core/files/files.h"
#include "small_tokenizer_json.h"

namespace mm {
namespace {

using Ids = std::vector<int32_t>;

/// The small file with more added tokens.
std::string with_added(const std::string& tokens) {
  return with(small_tokenizer_json(), "],\n\"normalizer\"", "," + tokens + "],\n\"normalizer\"");
}

std::string refusal(const std::string& json, const std::string& config) {
  try {
    parsed(json, config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    return error.what();
  }
  return "none";
}

TEST(ByteLevelTokenizer, EveryByteOfAnyTextComesBack) {
  using namespace std::string_literals;
  const auto tokenizer = parsed(small_tokenizer_json());
  std::string all;
  for (int byte = 0; byte < 256; ++byte) all += static_cast<char>(byte);
  for (const std::string& text : {""s, all, all + all, "\xE4\xB8"s, "a\xFF\xC0\x80 b"s, "\xED\xA0\x80"s, "nul \0 x"s,
                                  "中文 abc\u3000 ab"s, "\xF0\x9F\x98"s + std::string(100, '\x80')}) {
    const Ids ids = tokenizer->encode(text);
    EXPECT_EQ(tokenizer->decode(ids), text);
    const int64_t bytes = std::accumulate(ids.begin(), ids.end(), int64_t{0},
                                          [&](int64_t sum, int32_t id) { return sum + tokenizer->token_bytes(id); });
    EXPECT_EQ(bytes, static_cast<int64_t>(text.size()));
  }
}

TEST(ByteLevelTokenizer, AddedTokensAreCutOutOfTheRawText) {
  const auto tokenizer =
      parsed(with_added(added_token_json(262, "ab<", false) + "," + added_token_json(263, " x ", false)));
  EXPECT_EQ(tokenizer->vocab_size(), 264);
  EXPECT_EQ(tokenizer->encode("ab<s>"), (Ids{262, 's' - '!' + 35, '>' - '!' + 35}));
  EXPECT_EQ(tokenizer->encode("a x <s>"), (Ids{'a' - '!' + 35, 263, 0}));
  EXPECT_EQ(tokenizer->decode(Ids{262, 263, 0, 1}), "ab< x ");
  EXPECT_EQ(tokenizer->decode_with_control(Ids{262, 263, 0, 1}), "ab< x <s></s>");
  EXPECT_EQ(tokenizer->token_bytes(263), 3);
  EXPECT_EQ(tokenizer->token_bytes(0), 0);
}

TEST(ByteLevelTokenizer, AddedTokensInByteSymbolsDecodeToBytesAsInTheLibrary) {
  const auto tokenizer =
      parsed(with_added(added_token_json(262, "éĠ", false) + "," + added_token_json(263, "é é", false)));
  EXPECT_EQ(tokenizer->encode("éĠé é"), (Ids{262, 263}));
  EXPECT_EQ(tokenizer->decode(Ids{262, 263}), "\xE9 é é");
  EXPECT_EQ(tokenizer->token_bytes(262), 4);
}

TEST(ByteLevelTokenizer, IdsWithoutATokenStandForNothing) {
  const auto tokenizer = parsed(with(small_tokenizer_json(), "\"Ġab\":261", "\"Ġab\":300"));
  EXPECT_EQ(tokenizer->vocab_size(), 301);
  EXPECT_EQ(tokenizer->decode(Ids{261, 258, 299}), "ab");
  EXPECT_EQ(tokenizer->token_bytes(261), 0);
  EXPECT_THROW(tokenizer->decode(Ids{301}), Error);
  EXPECT_THROW(tokenizer->token_bytes(-1), Error);
}

TEST(ByteLevelTokenizer, TheConfigNamesTheControlTokens) {
  const auto tokenizer = parsed(small_tokenizer_json(), R"({"eos_token": "<s>", "bos_token":
      {"__type": "AddedToken", "content": "</s>", "lstrip": false}, "pad_token": "abc", "other": [{"bos_token": 1}]})");
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 0);
  EXPECT_EQ(tokenizer->pad_id(), 259);
}

TEST(ByteLevelTokenizer, WithoutAConfigTheUsualNamesAreTheControlTokens) {
  for (const char* config : {"", "{}", R"({"bos_token": null, "eos_token": null, "pad_token": null})"}) {
    const auto tokenizer = parsed(small_tokenizer_json(), config);
    EXPECT_EQ(tokenizer->bos_id(), 0);
    EXPECT_EQ(tokenizer->eos_id(), 1);
    EXPECT_EQ(tokenizer->pad_id(), std::nullopt);
  }
  std::string chat = small_tokenizer_json();
  for (int i = 0; i < 2; ++i) {
    chat = with(chat, "\"<s>\"", "\"<|im_start|>\"");
    chat = with(chat, "\"</s>\"", "\"<|im_end|>\"");
  }
  EXPECT_EQ(parsed(chat)->bos_id(), 0);
  EXPECT_EQ(parsed(chat)->eos_id(), 1);
}

TEST(ByteLevelTokenizer, ControlTokensThatAreNotThereAreNamed) {
  const std::string json = small_tokenizer_json();
  EXPECT_EQ(refusal(json, R"({"bos_token": "<x>"})"),
            "c.json:bos_token: got \"<x>\", want a token of t.json (copy both files from the same place)");
  EXPECT_EQ(refusal(json, R"({"pad_token": "<pad>"})").find("c.json:pad_token: got \"<pad>\", want a token of"), 0u);
  EXPECT_EQ(refusal(json, R"({"eos_token": 7})"), "c.json:eos_token: got 7, want an object");
  EXPECT_EQ(refusal(json, R"({"eos_token": )").find("c.json"), 0u);
  const std::string nameless = with(with(json, "\"</s>\"", "\"<x>\""), "\"</s>\"", "\"<x>\"");
  EXPECT_EQ(refusal(nameless, "{}"),
            "c.json:eos_token: got nothing, want the name of a token of t.json "
            "(or t.json with a token \"</s>\" or \"<|im_end|>\")");
}

TEST(ByteLevelTokenizer, TheFingerprintFollowsTheFileAndItsEnds) {
  const std::string json = small_tokenizer_json();
  EXPECT_EQ(parsed(json)->fingerprint(), parsed(json, "{}")->fingerprint());
  EXPECT_NE(parsed(json)->fingerprint(), parsed(json + " ")->fingerprint());
  EXPECT_NE(parsed(json)->fingerprint(), parsed(json, R"({"eos_token": "ab"})")->fingerprint());
}

TEST(ByteLevelTokenizer, LoadsAFileOrItsFolderWithTheConfigBesideIt) {
  const std::string folder = ::testing::TempDir() + "mm_byte_level_tokenizer_test";
  write_file_atomic(folder + "/tokenizer.json", small_tokenizer_json());
  write_file_atomic(folder + "/tokenizer_config.json", R"({"eos_token": "abc"})");
  for (const std::string& path : {folder, folder + "/", folder + "/tokenizer.json"}) {
    EXPECT_EQ(load_tokenizer(path)->eos_id(), 259) << path;
  }
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace mm
