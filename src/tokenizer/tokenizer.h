// Text to token ids and back, whatever kind of file the tokenizer comes from.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "tokenizer/bpe/token_buffer.h"

namespace mm {

/// Turns one text after another into tokens. Holds the memory it works in, caches among it: one for each thread.
template <class Id>
class TextEncoder {
 public:
  virtual ~TextEncoder() = default;

  /// Appends the tokens of `text` to `ids`: those of Tokenizer::encode(), but for what ControlNames says.
  virtual void encode_into(std::string_view text, TokenBuffer<Id>& ids) = 0;
};

/// What the name of a control token is, such as `<|im_end|>`, where it is written out in a text.
enum class ControlNames {
  kParse,  ///< the token, as with the Python library: what encode() does
  kText,   ///< text like any other, so that no text can end itself
};

/// A tokenizer is immutable once loaded: all functions may be called from several threads.
class Tokenizer {
 public:
  virtual ~Tokenizer() = default;

  /// The tokens of `text`, without BOS and EOS around them. Words such as `<s>` in the text are text to a sentencepiece
  /// model, but the control tokens themselves to a tokenizer.json, as with the Python library that made it.
  /// Of text that is not valid UTF-8 a tokenizer.json keeps every byte; sentencepiece reads U+FFFD for what is broken.
  virtual std::vector<int32_t> encode(std::string_view text) const = 0;

  /// What encodes much text fast. The tokenizer outlives it.
  virtual std::unique_ptr<TextEncoder<int32_t>> encoder(ControlNames names = ControlNames::kParse) const;
  /// The same for a vocabulary of up to 65,536 tokens.
  virtual std::unique_ptr<TextEncoder<uint16_t>> narrow_encoder(ControlNames names = ControlNames::kParse) const;

  /// Whether a text can name control tokens at all: to a sentencepiece model their names are always text.
  virtual bool has_control_names() const { return false; }
  /// How many of them `text` names: those of a tokenizer.json that are special, its BOS and its EOS.
  virtual int64_t count_control_names(std::string_view) const { return 0; }

  /// The bytes that `ids` stand for, control tokens left out. The ids of a character cut in half give an incomplete
  /// UTF-8 sequence; lossy_utf8() gives the text that Python shows. Throws Error(kInternal) for an id outside the
  /// vocabulary.
  virtual std::string decode(std::span<const int32_t> ids) const = 0;

  /// decode() with control tokens written by name, such as `<|im_end|>`. Those without a name are left out.
  virtual std::string decode_with_control(std::span<const int32_t> ids) const { return decode(ids); }

  /// The highest id plus one. A tokenizer.json may skip ids, which then stand for nothing.
  virtual int64_t vocab_size() const = 0;
  virtual int32_t bos_id() const = 0;
  virtual int32_t eos_id() const = 0;

  /// The token that fills rows of a fixed length, if the tokenizer names one; MiniMind takes 0 where it does not.
  virtual std::optional<int32_t> pad_id() const { return std::nullopt; }

  /// Bytes of raw text that token `id` stands for, 0 for control tokens: the denominator of bits per byte.
  virtual int64_t token_bytes(int32_t id) const = 0;

  /// Hash of the tokenizer file, and of BOS and EOS where another file names them: equal fingerprints give equal
  /// tokens.
  virtual uint64_t fingerprint() const = 0;
};

/// Loads the tokenizer at `path` by the ending of its name: `.model` is sentencepiece, `.json` a Hugging Face
/// tokenizer.json with byte-level BPE. A folder stands for the tokenizer.json in it.
/// Throws Error(kData) when the file is missing, of another kind or damaged.
std::unique_ptr<Tokenizer> load_tokenizer(const std::string& path);

}  // namespace mm
