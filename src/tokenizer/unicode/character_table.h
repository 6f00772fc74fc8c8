// What the encoder has to know of a character: its class, and with which neighbours it may share a token.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace mm {

/// Characters of the basic plane in a table; the others are looked up and joined to everything.
///
/// A place between two characters is never inside a token when no token has these two side by side, none ends in a
/// piece of the right one behind the left one, and none begins with a piece of the left one before the right one. A
/// word may be cut there, and its parts merge exactly as they would have together. Three of four places in Chinese are
/// such.
class CharacterTable {
 public:
  /// A character with what the table says of it.
  struct Character {
    uint32_t code_point;
    uint32_t entry;
    uint32_t length;  ///< bytes
  };

  /// Bits of an entry. The two of the class: letter 0, number 1, white space 2, other 3.
  static constexpr uint32_t kClassLow = 1, kClassHigh = 2;

  /// `tokens`: the texts of all tokens that a merge makes.
  explicit CharacterTable(std::span<const std::string_view> tokens);

  uint32_t entry(uint32_t code_point) const {
    return code_point < kPlane ? entries_[code_point] : entry_beyond(code_point);
  }

  /// The character that begins at `bytes`, of which four are readable. They are valid UTF-8.
  Character at(const char* bytes) const;

  /// Whether a token may span the place between two characters, of which one at least is not ASCII. May say so without
  /// need.
  bool may_join(const Character& left, const Character& right) const {
    const uint32_t bit = pair_bit(left.code_point, right.code_point);
    const uint32_t pair = static_cast<uint32_t>(pairs_[bit >> 6] >> (bit & 63));
    const uint32_t pieces = (left.entry / kSuffixOpens) & (right.entry / kPrefixCloses);
    return ((pair | (left.entry / kOpenAfter) | (right.entry / kOpenBefore) | pieces) & 1) != 0;
  }

 private:
  static constexpr uint32_t kPlane = 0x10000;
  static constexpr uint32_t kOpenAfter = 4;   ///< some token ends in this character and a piece of another
  static constexpr uint32_t kOpenBefore = 8;  ///< some token begins with a piece of a character and this one
  static constexpr uint32_t kSuffixOpens =
      16;  ///< some token begins with the end of this character and has no whole next
  static constexpr uint32_t kPrefixCloses =
      32;  ///< some token ends in the beginning of this one, has no whole one before

  uint32_t pair_bit(uint32_t left, uint32_t right) const {
    return ((left * 0x9E3779B1u) ^ (right * 0x85EBCA77u)) * 0xC2B2AE3Du >> pair_shift_;
  }

  uint32_t entry_beyond(uint32_t code_point) const;
  void add_joins(std::string_view token);
  void add_pieces();

  std::vector<uint8_t> entries_;  ///< by code point
  std::vector<uint64_t> pairs_;   ///< a Bloom filter with one hash: characters side by side in a token
  int pair_shift_;
  std::vector<bool> suffixes_, prefixes_;  ///< pieces of characters in tokens that break two of them, by two bytes
};

inline CharacterTable::Character CharacterTable::at(const char* bytes) const {
  const auto byte = [bytes](int i) { return uint32_t{static_cast<unsigned char>(bytes[i])}; };
  const auto tail = [&](int i) { return byte(i) & 0x3F; };
  const uint32_t first = byte(0);
  if ((first & 0xF0) == 0xE0) {
    const uint32_t code_point = (first & 0x0F) << 12 | tail(1) << 6 | tail(2);
    return {code_point, entries_[code_point], 3};
  }
  if (first < 0x80) return {first, entries_[first], 1};
  if (first < 0xE0) {
    const uint32_t code_point = (first & 0x1F) << 6 | tail(1);
    return {code_point, entries_[code_point], 2};
  }
  const uint32_t code_point = (first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3);
  return {code_point, entry_beyond(code_point), 4};
}

}  // namespace mm
