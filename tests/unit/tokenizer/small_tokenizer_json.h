// A tokenizer.json of 256 bytes, two control tokens and four merges, for tests that change one thing of it.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "core/json/json_text.h"
#include "tokenizer/byte_level_tokenizer.h"
#include "tokenizer/unicode/byte_alphabet.h"

namespace mm {

inline std::string added_token_json(int id, const std::string& content, bool special) {
  return "{\"id\":" + std::to_string(id) + ",\"content\":" + quote_json(content) +
         ",\"single_word\":false,\"lstrip\":false,\"rstrip\":false,\"normalized\":false,\"special\":" +
         (special ? "true}" : "false}");
}

/// Ids: `<s>` 0, `</s>` 1, bytes from 2, `ab` 258, `abc` 259, `bc` 260, `Ġab` 261; the next free one is 262.
inline std::string small_tokenizer_json() {
  std::string vocab = "\"<s>\":0,\"</s>\":1";
  for (int byte = 0; byte < 256; ++byte) {
    vocab += "," + quote_json(symbol_of_byte(static_cast<uint8_t>(byte))) + ":" + std::to_string(byte + 2);
  }
  vocab += ",\"ab\":258,\"abc\":259,\"bc\":260,\"Ġab\":261";
  return "{\"version\":\"1.0\",\"truncation\":null,\"padding\":null,\"added_tokens\":[" +
         added_token_json(0, "<s>", true) + "," + added_token_json(1, "</s>", true) +
         "],\n\"normalizer\":null,\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false,"
         "\"trim_offsets\":true,\"use_regex\":true},\n\"post_processor\":null,\"decoder\":{\"type\":\"ByteLevel\","
         "\"add_prefix_space\":true,\"trim_offsets\":true,\"use_regex\":true},\n\"model\":{\"type\":\"BPE\","
         "\"dropout\":null,\"unk_token\":null,\"continuing_subword_prefix\":null,\"end_of_word_suffix\":null,"
         "\"fuse_unk\":false,\"byte_fallback\":false,\"ignore_merges\":false,\n\"vocab\":{" +
         vocab + "},\n\"merges\":[\"a b\",\"b c\",\"ab c\",\"Ġ ab\"]}}";
}

/// `text` with `from`, which occurs in it, replaced once.
inline std::string with(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  if (at == std::string::npos) {
    ADD_FAILURE() << "no " << from;
    return text;
  }
  return text.replace(at, from.size(), to);
}

inline std::unique_ptr<Tokenizer> parsed(const std::string& json, const std::string& config = "") {
  return parse_byte_level({"t.json", json}, {"c.json", config});
}

}  // namespace mm
