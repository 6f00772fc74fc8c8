// The tokens of a tokenizer.json by name: which id each has, checked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tokenizer/files/tokenizer_json.h"

namespace mm {

/// Names are spelled as in the file: bytes as their symbols, added tokens as they are.
class TokenNames {
 public:
  /// `file` outlives this object; `file_name` is for messages.
  /// Throws Error(kData) for ids that are negative, used twice, far beyond the number of tokens, or other than those
  /// that Hugging Face's tokenizers would give to added tokens: it counts them itself and ignores what the file says.
  TokenNames(const TokenizerJson& file, const std::string& file_name);

  std::optional<int32_t> find(std::string_view name) const;
  /// As find(), without the added tokens that `model.vocab` lacks: what bytes and merges may become.
  std::optional<int32_t> find_in_vocab(std::string_view name) const;

  /// The highest id plus one.
  int32_t end_id() const { return end_id_; }

 private:
  struct Entry {
    int32_t id;
    bool in_vocab;
  };

  std::unordered_map<std::string_view, Entry> entries_;
  int32_t end_id_ = 0;
};

}  // namespace mm
