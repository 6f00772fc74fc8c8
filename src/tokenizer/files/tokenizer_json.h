// What a Hugging Face tokenizer.json says, or why it cannot be used.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tokenizer/bpe/pretokenizer.h"

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
  bool nfc = false;                          ///< text is brought into normalization form C
  WordRules words;                           ///< how text is cut
  std::string template_begin, template_end;  ///< the tokens that a template puts around a text; empty without
};

/// Reads a file that asks for nothing but what this program does exactly: byte-level BPE, NFC or no normalizer, words
/// as read_pre_tokenizer() knows them. What a template puts around a text is read but not put. Takes memory in
/// proportion to `json`.
///   name  the file, for messages
/// Throws Error(kData) that names the key for anything else, for unknown keys and for what is not JSON.
TokenizerJson read_tokenizer_json(std::string_view json, const std::string& name);

}  // namespace mm
