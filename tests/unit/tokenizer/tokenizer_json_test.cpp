// What a tokenizer.json may ask for, and by which words everything else is refused.
#include "tokenizer/files/tokenizer_json.h"

#include <gtest/gtest.h>

#include "core/error.h"
#include "small_tokenizer_json.h"

namespace mm {
namespace {

std::string refusal(const std::string& json, const std::string& config = "") {
  try {
    parsed(json, config);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kData);
    return error.what();
  }
  return "none";
}

/// One change to the small file and the start of the message that it gives.
struct Refusal {
  std::string from, to, message;
};

void expect_refusals(const std::vector<Refusal>& refusals) {
  for (const Refusal& wanted : refusals) {
    const std::string message = refusal(with(small_tokenizer_json(), wanted.from, wanted.to));
    EXPECT_EQ(message.substr(0, wanted.message.size()), wanted.message);
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

TEST(TokenizerJson, PartsThatWouldChangeTheTokensAreRefusedByName) {
  const std::string pre = "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,";
  const std::string decoder = "\"decoder\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,";
  expect_refusals({
      {"\"1.0\"", "\"2.0\"", "t.json:version: got \"2.0\", want \"1.0\" ("},
      {"\"truncation\":null", "\"truncation\":{\"max_length\":8}",
       "t.json:truncation: got an object, want null (set it to null; transformers overrides it in every call)"},
      {"\"padding\":null", "\"padding\":{}", "t.json:padding: got an object, want null ("},
      {"\"normalizer\":null", "\"normalizer\":{\"type\":\"NFKC\"}",
       "t.json:normalizer.type: got \"NFKC\", want \"NFC\" (this tokenizer cannot be used"},
      {"\"post_processor\":null", "\"post_processor\":{\"type\":\"BertProcessing\",\"single\":[]}",
       "t.json:post_processor.type: got \"BertProcessing\", want \"ByteLevel\", \"TemplateProcessing\" or a "},
      {pre, "\"pre_tokenizer\":{\"type\":\"Metaspace\",\"replacement\":\"_\",",
       "t.json:pre_tokenizer.type: got \"Metaspace\", want \"ByteLevel\" or \"Sequence\" ("},
      {pre, "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[],",
       "t.json:pre_tokenizer: got a key trim_offsets, want none in Sequence ("},
      {pre, "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":true,",
       "t.json:pre_tokenizer.add_prefix_space: got true, want false ("},
      {pre, "\"pre_tokenizer\":{\"type\":\"ByteLevel\",", "t.json:pre_tokenizer: got no key add_prefix_space, want it"},
      {"\"use_regex\":true", "\"use_regex\":false", "t.json:pre_tokenizer.use_regex: got false, want true ("},
      {"\"trim_offsets\":true", "\"trim_offsets\":1", "t.json:pre_tokenizer.trim_offsets: got 1, want true or false"},
      {decoder, "\"decoder\":{\"type\":\"BPEDecoder\",", "t.json:decoder.type: got \"BPEDecoder\", want \"ByteLevel\""},
      {decoder + "\"trim_offsets\":true,\"use_regex\":true}", "\"decoder\":null",
       "t.json:decoder: got null, want an object"},
  });
}

/// The small file with other steps before its merges.
std::string with_steps(const std::string& steps) {
  const std::string json = small_tokenizer_json();
  const size_t begin = json.find("\"pre_tokenizer\":{"), end = json.find("\n\"post_processor\"");
  return json.substr(0, begin) + "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[" + steps + "]}," +
         json.substr(end);
}

TEST(TokenizerJson, StepsBeforeTheMergesAreKnownOrRefusedByName) {
  const std::string digits = R"({"type":"Digits","individual_digits":true})";
  const std::string bytes = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true})";
  const std::string bare = R"({"type":"ByteLevel","add_prefix_space":false,"trim_offsets":true,"use_regex":false})";
  const std::string split = R"({"type":"Split","behavior":"Isolated","invert":false,"pattern":{"Regex":")"
                            R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+)"
                            R"([\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"}})";
  for (const std::string& steps :
       {bytes, digits + "," + bytes, split + "," + bare, digits + "," + split + "," + bare}) {
    EXPECT_EQ(refusal(with_steps(steps)), "none") << steps;
  }
  const std::string at = "t.json:pre_tokenizer.pretokenizers[";
  const std::vector<std::pair<std::string, std::string>> refusals = {
      {split + "," + bytes, at + "1]: got no key use_regex, want false ("},
      {bare, at + "0].use_regex: got false, want true ("},
      {bytes + "," + digits, at + "1].type: got \"Digits\", want nothing behind ByteLevel ("},
      {split + "," + digits + "," + bare,
       at + "1].type: got \"Digits\", want Digits, Split and ByteLevel, once each and"},
      {digits + "," + digits + "," + bytes, at + "1].type: got \"Digits\", want "},
      {with(digits, "true", "true,\"invert\":false") + "," + bytes, at + "0]: got a key invert, want none in Digits ("},
      {"", "t.json:pre_tokenizer: got no step ByteLevel, want one at the end ("},
      {R"({"type":"Whitespace"})", at + "0].type: got \"Whitespace\", want "},
      {R"({"type":"Digits"},)" + bytes, at + "0]: got no key individual_digits, want it ("},
      {with(split, "Isolated", "Removed") + "," + bare, at + "0].behavior: got \"Removed\", want \"Isolated\" ("},
      {with(split, "false", "true") + "," + bare, at + "0].invert: got true, want false ("},
      {with(split, "p{N}|", "p{N}+|") + "," + bare, at + "0].pattern.Regex: got \""},
      {with(split, "Regex", "String") + "," + bare, at + "0].pattern.String: got an unknown key, want "}};
  for (const auto& [steps, message] : refusals)
    EXPECT_EQ(refusal(with_steps(steps)).substr(0, message.size()), message);
}

TEST(TokenizerJson, ATemplateNamesTheTokensAroundATextAndAddsNone) {
  const std::string processor =
      R"({"type":"Sequence","processors":[{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false},)"
      R"({"type":"TemplateProcessing","single":[{"SpecialToken":{"id":"</s>","type_id":0}},)"
      R"({"Sequence":{"id":"A","type_id":0}},{"SpecialToken":{"id":"<s>","type_id":0}}],"pair":[],"special_tokens":{}}]})";
  const auto tokenizer =
      parsed(with(small_tokenizer_json(), "\"post_processor\":null", "\"post_processor\":" + processor));
  EXPECT_EQ(tokenizer->bos_id(), 1);
  EXPECT_EQ(tokenizer->eos_id(), 0);
  EXPECT_EQ(tokenizer->encode("abc"), parsed(small_tokenizer_json())->encode("abc"));
}

TEST(TokenizerJson, OptionsOfTheModelAreRefusedByName) {
  expect_refusals({
      {"\"type\":\"BPE\"", "\"type\":\"WordPiece\"", "t.json:model.type: got \"WordPiece\", want \"BPE\""},
      {"\"type\":\"BPE\"", "\"type\":\"Unigram\"", "t.json:model.type: got \"Unigram\", want \"BPE\""},
      {"\"dropout\":null", "\"dropout\":0.1", "t.json:model.dropout: got 0.1, want null ("},
      {"\"unk_token\":null", "\"unk_token\":\"<s>\"", "t.json:model.unk_token: got \"<s>\", want null ("},
      {"\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"##\"",
       "t.json:model.continuing_subword_prefix: got \"##\", want \"\" ("},
      {"\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"</w>\"",
       "t.json:model.end_of_word_suffix: got \"</w>\", want \"\" ("},
      {"\"fuse_unk\":false", "\"fuse_unk\":true", "t.json:model.fuse_unk: got true, want false ("},
      {"\"byte_fallback\":false", "\"byte_fallback\":true", "t.json:model.byte_fallback: got true, want false ("},
      {"\"ignore_merges\":false", "\"ignore_merges\":true", "t.json:model.ignore_merges: got true, want false ("},
  });
}

TEST(TokenizerJson, UnknownMissingAndDoubledKeysAreRefusedAtEveryLevel) {
  expect_refusals({
      {"\"padding\"", "\"paddings\"",
       "t.json:paddings: got an unknown key, want one of those that byte-level BPE has "
       "(did you mean padding?)"},
      {"\"fuse_unk\"", "\"xyz\"", "t.json:model.xyz: got an unknown key, want "},
      {"\"use_regex\"", "\"inverted\"", "t.json:pre_tokenizer.inverted: got an unknown key, want "},
      {"\"rstrip\":false", "\"strip\":false", "t.json:added_tokens[0].strip: got an unknown key, want "},
      {"\"lstrip\":false,", "", "t.json:added_tokens[0]: got no key lstrip, want it"},
      {"\"model\"", "\"version\"", "t.json:version: got the key twice, want it once"},
      {"\"merges\":[\"a b\",\"b c\",\"ab c\",\"Ġ ab\"]", "\"dropout\":null",
       "t.json:model.dropout: got the key twice, want it once"},
      {",\n\"merges\":[\"a b\",\"b c\",\"ab c\",\"Ġ ab\"]", "", "t.json:model: got no key merges, want it"},
      {"\"ab\":258", "\"a\":258", "t.json:model.vocab.a: got the key twice, want it once"},
  });
}

TEST(TokenizerJson, AddedTokensThatNeedMoreThanMatchingAreRefused) {
  for (const std::string flag : {"single_word", "lstrip", "rstrip", "normalized"}) {
    expect_refusals({{quote_json(flag) + ":false", quote_json(flag) + ":true",
                      "t.json:added_tokens[0]." + flag + ": got true, want false ("}});
  }
  expect_refusals({
      {"\"content\":\"<s>\"", "\"content\":\"\"", "t.json:added_tokens[0].content: got no characters, want some"},
      {"\"content\":\"</s>\"", "\"content\":\"<s>\"", "t.json:added_tokens[1].content: got "},
      {"\"content\":\"<s>\"", "\"content\":\"" + std::string(20000, 'x') + "\"",
       "t.json:added_tokens[0].content: got 20,000 bytes, want at most 1,024"},
      {"\"content\":\"</s>\"", "\"content\":7", "t.json:added_tokens[1].content: got 7, want a string"},
  });
}

TEST(TokenizerJson, IdsThatTheLibraryWouldNotGiveAreRefused) {
  const std::string end = "],\n\"normalizer\"";
  expect_refusals({
      {"\"id\":1,", "\"id\":5,", "t.json:added_tokens[1].id: got 5, want 1 (the id that the token has already)"},
      {end, "," + added_token_json(400, "<x>", false) + end,
       "t.json:added_tokens[2].id: got 400, want 262 (the next free one)"},
      {"\"ab\":258", "\"ab\":257", "t.json:model.vocab.ab: got id 257, which another token has, want an id for each"},
      {"\"ab\":258", "\"ab\":-1", "t.json:model.vocab.ab: got id -1, want an id in [0, "},
      {"\"ab\":258", "\"ab\":2147483647", "t.json:model.vocab.ab: got id 2147483647, want an id in [0, "},
      {"\"ab\":258", "\"ab\":1e3", "t.json:model.vocab.ab: got 1e3, want an integer"},
      {"\"ab\":258", "\"ab\":1\033c", "t.json:model.vocab.ab: got \"1\\u001bc\", want an integer"},
      {"\"ab\":258", "\"ab\":99999999999999999999", "t.json:model.vocab.ab: got 99999999999999999999, want an integer"},
      {"\"ab\":258", "\"ab\":\"258\"", "t.json:model.vocab.ab: got \"258\", want an integer"},
  });
}

TEST(TokenizerJson, MergesMustBePairsOfTokensThatMakeAToken) {
  expect_refusals({
      {"\"b c\"", "\"bc\"", "t.json:model.merges[1]: got \"bc\", want a pair of tokens (with one space between them)"},
      {"\"b c\"", "\"b  c\"", "t.json:model.merges[1]: got \"b  c\", want a pair of tokens"},
      {"\"b c\"", "[\"b\"]", "t.json:model.merges[1]: got a list of less than two, want a pair of tokens"},
      {"\"b c\"", "[\"b\",\"c\",\"d\"]", "t.json:model.merges[1]: got a list of more than two, want a pair of tokens"},
      {"\"b c\"", "[\"b\",7]", "t.json:model.merges[1][1]: got 7, want a string"},
      {"\"b c\"", "7", "t.json:model.merges[1]: got 7, want a list"},
      {"\"b c\"", "\"b zz\"", "t.json:model.merges[1]: got zz, which model.vocab lacks, want tokens of model.vocab"},
      {"\"b c\"", "\"c b\"", "t.json:model.merges[1]: got cb, which model.vocab lacks, want tokens of model.vocab"},
  });
}

TEST(TokenizerJson, AByteWithoutATokenIsRefused) {
  expect_refusals({{"\"A\":67", "\"nothing\":67",
                    "t.json:model.vocab: got no token for byte 0x41, want one for each of the 256 bytes"}});
  // An added token is cut out of the text; it cannot stand in for a byte.
  expect_refusals({{"\"A\":67,", "", "t.json:model.vocab: got no token for byte 0x41, want "}});
}

TEST(TokenizerJson, HarmlessVariantsAreRead) {
  const std::string base = small_tokenizer_json();
  const std::vector<int32_t> ids = parsed(base)->encode("abc ab bcab");
  EXPECT_EQ(ids, (std::vector<int32_t>{259, 261, 34, 260, 258}));
  for (
      const std::string& json : {
          with(base, "\"a b\",\"b c\",\"ab c\",\"Ġ ab\"", R"(["a","b"],["b","c"],["ab","c"],["Ġ","ab"])"),
          with(base, "\"a b\"", "\"#version: 0.2\",\"a b\""),
          with(
              base, "\"post_processor\":null",
              R"("post_processor":{"type":"ByteLevel","add_prefix_space":true,"trim_offsets":false,"use_regex":true})"),
          with(base, "\"continuing_subword_prefix\":null", "\"continuing_subword_prefix\":\"\""),
          with(base, "\"end_of_word_suffix\":null", "\"end_of_word_suffix\":\"\""),
          with(base, ",\"use_regex\":true", ""),
          with(base, "\"type\":\"BPE\",", ""),
          with(base, "\"ignore_merges\":false,", ""),
          with(base, "\"version\":\"1.0\",", ""),
          with(base, "\"truncation\":null,\"padding\":null,", ""),
          with(base, "\"ab\":258", "\"\\u0061b\":258"),
          base + " \n",
      }) {
    EXPECT_EQ(parsed(json)->encode("abc ab bcab"), ids) << json;
  }
}

TEST(TokenizerJson, OfTwoMergesOfOnePairTheLaterRankCounts) {
  const std::string json = with(small_tokenizer_json(), "\"ab c\"", "\"ab c\",\"a b\"");
  EXPECT_EQ(parsed(json)->encode("abc"), (std::vector<int32_t>{67 + 32, 260}));
}

TEST(TokenizerJson, WhatIsNotJsonIsRefusedWithItsPlace) {
  const std::string base = small_tokenizer_json();
  for (const std::string& json : std::vector<std::string>{"",
                                                          " ",
                                                          "{",
                                                          "}",
                                                          "[]",
                                                          "7",
                                                          "null",
                                                          "\"x\"",
                                                          "{\"model\":",
                                                          "{\"model\"}",
                                                          base.substr(1),
                                                          base + "}",
                                                          base + base,
                                                          with(base, "\"merges\":[",
                                                               "\"merges\":["
                                                               "["),
                                                          with(base, "null", "nul"),
                                                          with(base, "false", "fals"),
                                                          with(base, "\"a b\"", "\"a \xFF\""),
                                                          with(base, "\"a b\"", "\"a \\x\""),
                                                          with(base, "\"a b\"", "\"\\ud800\""),
                                                          with(base, "\"a b\"", "\"a \n b\""),
                                                          std::string("\0\0\0", 3),
                                                          std::string(100000, '['),
                                                          with(base, "null", std::string(100000, '[')),
                                                          with(base, "null", std::string(100000, '{')),
                                                          with(base, "\"a b\"", std::string(100000, '['))}) {
    const std::string message = refusal(json);
    EXPECT_EQ(message.find("t.json"), 0u) << message << "\n" << json.substr(0, 60);
  }
  EXPECT_EQ(refusal("7"), "t.json:1: got a single word or number, want a JSON object");
  EXPECT_EQ(refusal("\xEF\xBB\xBF{}"), "t.json: got a byte order mark, want plain UTF-8 (save the file without it)");
  EXPECT_EQ(refusal(with(base, "\"a b\"", "\"a b\" 5")).find("t.json:6: got text that is not JSON"), 0u)
      << refusal(with(base, "\"a b\"", "\"a b\" 5"));
}

TEST(TokenizerJson, AFileCutAnywhereIsRefused) {
  const std::string json = small_tokenizer_json();
  for (size_t length = 0; length < json.size(); length += 1 + length / 50) {
    EXPECT_EQ(refusal(json.substr(0, length)).find("t.json"), 0u) << length;
  }
}

TEST(TokenizerJson, ChangedBytesNeverCrash) {
  const std::string json = small_tokenizer_json();
  for (size_t at = 0; at < json.size(); at += 3) {
    for (const char byte : {'"', '{', '}', '[', ']', ',', ':', '\\', '0', '-', '\0', '\xC3'}) {
      std::string changed = json;
      changed[at] = byte;
      try {
        parsed(changed);
      } catch (const Error& error) {
        ASSERT_EQ(error.code(), ExitCode::kData) << error.what();
      }
    }
  }
}

}  // namespace
}  // namespace mm
