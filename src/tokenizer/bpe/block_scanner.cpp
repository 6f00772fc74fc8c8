// GPT-2's pattern on the bits of a block: what begins a word is a matter of a character's class and that of the one
// before it, but for runs of white space, which look one character ahead, and contractions, which are rare.
#include "tokenizer/bpe/block_scanner.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tokenizer/bpe/pretokenizer.h"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace mm {
namespace {

constexpr size_t kBlock = 64;

/// Of a block and its last character's bytes beyond it, or of the two letters of a contraction.
constexpr size_t kLookAhead = 4;

uint64_t low_bits(size_t count) {
  return count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1;
}

/// Bit i of the result is `test(bytes[i])`, for one class of ASCII bytes each.
struct AsciiMasks {
  uint64_t letters = 0, digits = 0, spaces = 0, blank = 0, quote = 0, beyond = 0, continuing = 0;
};

#if defined(__SSE2__)

AsciiMasks ascii_masks(const char* bytes) {
  AsciiMasks masks;
  for (size_t at = 0; at < kBlock; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes + at));
    const auto mask = [at](__m128i found) { return uint64_t{static_cast<uint16_t>(_mm_movemask_epi8(found))} << at; };
    // A range of characters is moved to where signed numbers begin; one comparison then tells it.
    const auto in_range = [](__m128i characters, char first, char last) {
      const __m128i moved = _mm_add_epi8(characters, _mm_set1_epi8(static_cast<char>(-128 - first)));
      return _mm_cmplt_epi8(moved, _mm_set1_epi8(static_cast<char>(-128 + (last - first) + 1)));
    };
    const __m128i blank = _mm_cmpeq_epi8(block, _mm_set1_epi8(' '));
    masks.letters |= mask(in_range(_mm_or_si128(block, _mm_set1_epi8(0x20)), 'a', 'z'));
    masks.digits |= mask(in_range(block, '0', '9'));
    masks.spaces |= mask(_mm_or_si128(blank, in_range(block, '\t', '\r')));
    masks.blank |= mask(blank);
    masks.quote |= mask(_mm_cmpeq_epi8(block, _mm_set1_epi8('\'')));
    masks.beyond |= mask(block);
    masks.continuing |= mask(_mm_cmplt_epi8(block, _mm_set1_epi8(static_cast<char>(0xC0))));
  }
  return masks;
}

#else

AsciiMasks ascii_masks(const char* bytes) {
  AsciiMasks masks;
  for (size_t at = 0; at < kBlock; ++at) {
    const auto byte = static_cast<unsigned char>(bytes[at]);
    const auto set = [at](uint64_t& mask, bool found) { mask |= uint64_t{found} << at; };
    set(masks.letters, static_cast<unsigned char>((byte | 0x20) - 'a') < 26);
    set(masks.digits, static_cast<unsigned char>(byte - '0') < 10);
    set(masks.spaces, byte == ' ' || (byte >= '\t' && byte <= '\r'));
    set(masks.blank, byte == ' ');
    set(masks.quote, byte == '\'');
    set(masks.beyond, byte >= 0x80);
    set(masks.continuing, (byte & 0xC0) == 0x80);
  }
  return masks;
}

#endif

}  // namespace

bool BlockScanner::next(Block& block) {
  if (readable() == 0) return false;
  const char* bytes = text_.data() + at_;
  char tail[kBlock + kLookAhead] = {};
  if (readable() < sizeof tail) {
    std::memcpy(tail, bytes, readable());
    bytes = tail;
  }
  Masks masks = masks_of(bytes);
  size_t length = std::min(readable(), kBlock);
  // A character that the block would break begins the next one.
  const auto last = static_cast<size_t>(63 - std::countl_zero(~masks.continuing & low_bits(length)));
  if (last + characters_.at(bytes + last).length > length) length = last;

  const CharacterTable::Character before = last_;
  const uint64_t valid = low_bits(length);
  const uint64_t cut = cuts(bytes, valid, masks);
  const uint64_t starts = word_starts(bytes, length, masks, before);
  block = {.begin = at_, .starts = (starts | cut) & ~masks.continuing & valid};
  at_ += length;
  return true;
}

BlockScanner::Masks BlockScanner::masks_of(const char* bytes) {
  const AsciiMasks ascii = ascii_masks(bytes);
  const uint64_t other = ~(ascii.letters | ascii.digits | ascii.spaces | ascii.beyond);
  return {.class_low = ascii.digits | other,
          .class_high = ascii.spaces | other,
          .beyond_ascii = ascii.beyond,
          .continuing = ascii.continuing,
          .blank = ascii.blank,
          .quote = ascii.quote};
}

/// Where no token reaches across, beside characters beyond ASCII. Puts the classes of those into `masks` and leaves the
/// last character of the block in `last_`.
uint64_t BlockScanner::cuts(const char* bytes, uint64_t valid, Masks& masks) {
  const uint64_t leads = masks.beyond_ascii & ~masks.continuing;
  const uint64_t carried = last_.code_point >= 0x80 ? 1 : 0;
  uint64_t places = (leads | (~masks.beyond_ascii & (masks.beyond_ascii << 1 | carried))) & valid;
  CharacterTable::Character left = last_;
  uint32_t left_end = 0;
  uint64_t cut = 0;
  while (places != 0) {
    const auto at = static_cast<uint32_t>(std::countr_zero(places));
    places &= places - 1;
    const CharacterTable::Character right = characters_.at(bytes + at);
    const uint64_t bits = ((uint64_t{1} << right.length) - 1) << at;
    masks.class_low |= bits & (0 - uint64_t{right.entry & CharacterTable::kClassLow});
    masks.class_high |= bits & (0 - uint64_t{(right.entry & CharacterTable::kClassHigh) >> 1});
    if (at != left_end) left = characters_.at(bytes + at - 1);
    cut |= uint64_t{!characters_.may_join(left, right)} << at;
    left = right;
    left_end = at + right.length;
  }
  const auto end = static_cast<uint32_t>(64 - std::countl_zero(valid));
  last_ = left_end == end ? left : characters_.at(bytes + end - 1);
  return cut;
}

/// Where words begin; `before` is the character before the block.
uint64_t BlockScanner::word_starts(const char* bytes, size_t length, const Masks& masks,
                                   const CharacterTable::Character& before) {
  const uint64_t low = masks.class_low, high = masks.class_high;
  const uint64_t low_before = low << 1 | (before.entry & CharacterTable::kClassLow);
  const uint64_t high_before = high << 1 | (before.entry & CharacterTable::kClassHigh) >> 1;
  const uint64_t blank_before = masks.blank << 1 | uint64_t{before.code_point == ' '};
  const uint64_t space = high & ~low, space_before = high_before & ~low_before;
  const uint64_t changes = (low ^ low_before) | (high ^ high_before);
  const uint64_t after_word = ~space_before & changes;
  const uint64_t after_space = space_before & ~space & ~blank_before;
  const uint64_t before_word =
      space_before & space & last_of_runs(bytes, length, space & low_bits(length), masks.continuing);
  uint64_t starts = (after_word | after_space | before_word | starts_ahead_) & ~joins_ahead_;
  starts_ahead_ = joins_ahead_ = 0;
  const uint64_t quotes = masks.quote & starts & low_bits(length);
  if (quotes != 0) cut_contractions(length, quotes, starts);
  return starts;
}

/// Of each run of white space that something follows, the last character.
uint64_t BlockScanner::last_of_runs(const char* bytes, size_t length, uint64_t spaces, uint64_t continuing) const {
  uint64_t space_behind = spaces >> 1;
  if (spaces >> (length - 1) & 1) {
    constexpr uint32_t kClass = CharacterTable::kClassLow | CharacterTable::kClassHigh;
    const bool goes_on =
        length == readable() || (characters_.at(bytes + length).entry & kClass) == CharacterTable::kClassHigh;
    space_behind |= uint64_t{goes_on} << (length - 1);
  }
  const uint64_t last_bytes = spaces & ~space_behind;
  uint64_t last = last_bytes & ~continuing;
  for (uint64_t rest = last_bytes & continuing; rest != 0; rest &= rest - 1) {
    int at = std::countr_zero(rest);
    while (continuing >> at & 1) --at;
    last |= uint64_t{1} << at;
  }
  return last;
}

/// A contraction takes its letters, of which the first would begin a word, and whatever follows begins one.
void BlockScanner::cut_contractions(size_t length, uint64_t quotes, uint64_t& starts) {
  for (; quotes != 0; quotes &= quotes - 1) {
    const auto quote = static_cast<size_t>(std::countr_zero(quotes));
    const size_t contraction = contraction_length(text_.substr(at_ + quote));
    if (contraction == 0) continue;
    const auto bit = [](size_t at) { return uint64_t{1} << at; };
    const size_t joined = quote + 1, next = quote + contraction;
    if (joined < length) starts &= ~bit(joined);
    if (joined >= length) joins_ahead_ |= bit(joined - length);
    if (next < length) starts |= bit(next);
    if (next >= length) starts_ahead_ |= bit(next - length);
  }
}

}  // namespace mm
