// Text to token ids and back, whatever kind of file the tokenizer comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

/// A tokenizer is immutable once loaded: all functions may be called from several threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The tokens of `text` (valid UTF-8), without BOS and EOS. Words such as `<s>` in the text are text, not control
  /// tokens.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;

  /// The bytes that `ids` stand for, control tokens left out. The ids of a character cut in half give an incomplete
  /// UTF-8 sequence. Throws Error(kInternal) for an id outside the vocabulary.
  virtual std::string decode(std::span<const int32_t> ids) const = 0;

  virtual int64_t vocab_size() const = 0;
  virtual int32_t bos_id() const = 0;
  virtual int32_t eos_id() const = 0;

  /// Bytes of raw text that token `id` stands for, 0 for control tokens: the denominator of bits per byte.
  virtual int64_t token_bytes(int32_t id) const = 0;

  /// Hash of the tokenizer file: equal fingerprints give equal tokens.
  virtual uint64_t fingerprint() const = 0;
};

/// Loads the tokenizer at `path` by the ending of its name: `.model` is sentencepiece.
/// Throws Error(kData) when the file is missing, of another kind or damaged.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

}  // namespace mm
