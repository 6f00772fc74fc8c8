// What a Hugging Face tokenizer.json says, or why it cannot be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mm {

/// A token that is cut out of the raw text.
struct AddedToken {
  int64_t id;
  std::string content;
  bool special;  ///< a control token: decoding may leave it out
};

/// A byte-level BPE tokenizer as its file states it: shapes and options are checked, names and ids are not.
struct TokenizerJson {
  std::vector<std::pair<std::string, int64_t>> vocab;       ///< tokens in byte symbols
  std::vector<std::pair<std::string, std::string>> merges;  ///< by rank
  std::vector<AddedToken> added_tokens;
};

/// Reads a file that asks for nothing but what this program does exactly: byte-level BPE with GPT-2's pattern, neither
/// normalizer nor post-processor. Takes memory in proportion to `json`.
///   name  the file, for messages
/// Throws Error(kData) that names the key for anything else, for unknown keys and for what is not JSON.
TokenizerJson read_tokenizer_json(std::string_view json, const std::string& name);

}  // namespace mm
