// Every place between two characters inside a token leaves a mark: a pair, or a piece on one side or on both.
#include "tokenizer/unicode/character_table.h"

#include <algorithm>
#include <bit>
#include <string>

#include "core/characters/utf8.h"
#include "tokenizer/unicode/unicode_classes.h"

namespace mm {
namespace {

/// At 32 bits for each character in a token, less than one in 32 other pairs is taken for a known one.
constexpr size_t kBitsPerPair = 32;
constexpr size_t kLeastBits = size_t{1} << 14, kMostBits = size_t{1} << 22;

constexpr size_t kTwoBytes = 0x10000;

uint32_t class_bits(CharacterClass kind) {
  switch (kind) {
    case CharacterClass::kLetter:
      return 0;
    case CharacterClass::kNumber:
      return CharacterTable::kClassLow;
    case CharacterClass::kSpace:
      return CharacterTable::kClassHigh;
    default:
      return CharacterTable::kClassLow | CharacterTable::kClassHigh;
  }
}

bool continues(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

bool begins_beyond_ascii(char byte) {
  return static_cast<unsigned char>(byte) >= 0xC0;
}

/// One or two bytes as an index. No piece of a character of three bytes or less is longer.
size_t piece_index(std::string_view piece) {
  const size_t first = static_cast<unsigned char>(piece[0]);
  return piece.size() == 1 ? first : first << 8 | static_cast<unsigned char>(piece[1]);
}

}  // namespace

CharacterTable::CharacterTable(std::span<const std::string_view> tokens)
    : entries_(kPlane), suffixes_(kTwoBytes), prefixes_(kTwoBytes) {
  for (uint32_t c = 0; c < kPlane; ++c) entries_[c] = static_cast<uint8_t>(class_bits(character_class(c)));
  size_t places = 0;
  for (const std::string_view token : tokens) {
    places += static_cast<size_t>(std::ranges::count_if(token, begins_beyond_ascii));
  }
  const size_t bits = std::clamp(std::bit_ceil(kBitsPerPair * places), kLeastBits, kMostBits);
  pairs_.resize(bits / 64);
  pair_shift_ = 32 - std::countr_zero(bits);
  for (const std::string_view token : tokens) add_joins(token);
  add_pieces();
}

uint32_t CharacterTable::entry_beyond(uint32_t code_point) const {
  return class_bits(character_class(code_point)) | kOpenAfter | kOpenBefore;
}

void CharacterTable::add_joins(std::string_view token) {
  for (size_t at = 1; at < token.size(); ++at) {
    if (continues(token[at])) continue;
    size_t begin = at;
    do --begin;
    while (begin > 0 && continues(token[begin]));
    const std::string_view before = token.substr(begin, at - begin);
    const Utf8Character left = first_character(before);
    const Utf8Character right = first_character(token.substr(at));
    const bool left_is_piece = continues(before[0]);
    // A character may go on behind the end of the token, nowhere else: such a token fits no valid text.
    const bool right_is_piece = !right.valid && at + right.length == token.size();
    if (!left_is_piece && (!left.valid || left.length != before.size())) continue;
    if (!right_is_piece && !right.valid) continue;
    if (left.code_point < 0x80 && right.code_point < 0x80) continue;
    if (!left_is_piece && !right_is_piece) {
      const uint32_t bit = pair_bit(left.code_point, right.code_point);
      pairs_[bit >> 6] |= uint64_t{1} << (bit & 63);
    } else if (!left_is_piece) {
      if (left.code_point < kPlane) entries_[left.code_point] |= kOpenAfter;
    } else if (!right_is_piece) {
      if (right.code_point < kPlane) entries_[right.code_point] |= kOpenBefore;
    } else if (before.size() <= 2 && token.size() - at <= 2) {
      suffixes_[piece_index(before)] = true;
      prefixes_[piece_index(token.substr(at))] = true;
    }
  }
}

void CharacterTable::add_pieces() {
  constexpr uint32_t kFirstSurrogate = 0xD800, kLastSurrogate = 0xDFFF;
  std::string bytes;
  for (uint32_t c = 0x80; c < kPlane; ++c) {
    if (c >= kFirstSurrogate && c <= kLastSurrogate) continue;
    bytes.clear();
    append_utf8(c, bytes);
    const std::string_view text = bytes;
    for (size_t cut = 1; cut < text.size(); ++cut) {
      if (suffixes_[piece_index(text.substr(cut))]) entries_[c] |= kSuffixOpens;
      if (prefixes_[piece_index(text.substr(0, cut))]) entries_[c] |= kPrefixCloses;
    }
  }
}

}  // namespace mm
