// Where the parts of a text begin, 64 bytes at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tokenizer/unicode/character_table.h"

namespace mm {

/// Cuts a text where first_word_length() ends a word and, beside characters that are not ASCII, wherever CharacterTable
/// lets a word be cut. Words of ASCII stay whole.
class BlockScanner {
 public:
  /// `text` is valid UTF-8; it and `characters` outlive the scanner.
  BlockScanner(const CharacterTable& characters, std::string_view text) : characters_(characters), text_(text) {}

  /// A stretch of up to 64 bytes of whole characters.
  struct Block {
    size_t begin = 0;     ///< in the text
    uint64_t starts = 0;  ///< bit i: a part begins at byte begin + i
  };

  /// The next block. False at the end of the text.
  bool next(Block& block);

 private:
  /// Bytes by what they are; bit i is byte i. The two bits of the class are those of CharacterTable, and all bytes of a
  /// character have the class of the character.
  struct Masks {
    uint64_t class_low, class_high;
    uint64_t beyond_ascii, continuing;
    uint64_t blank, quote;  ///< U+0020 and U+0027
  };

  static Masks masks_of(const char* bytes);
  uint64_t cuts(const char* bytes, uint64_t valid, Masks& masks);
  uint64_t word_starts(const char* bytes, size_t length, const Masks& masks, const CharacterTable::Character& before);
  uint64_t last_of_runs(const char* bytes, size_t length, uint64_t spaces, uint64_t continuing) const;
  void cut_contractions(size_t length, uint64_t quotes, uint64_t& starts);
  size_t readable() const { return text_.size() - at_; }

  const CharacterTable& characters_;
  std::string_view text_;
  size_t at_ = 0;
  CharacterTable::Character last_{};  ///< before the block

  /// What the block before says of this one; bit i is byte i.
  uint64_t starts_ahead_ = 1, joins_ahead_ = 0;
};

}  // namespace mm
