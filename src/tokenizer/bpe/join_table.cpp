// Places inside tokens, hashed into bits.
#include "tokenizer/bpe/join_table.h"

#include <algorithm>
#include <bit>

namespace mm {
namespace {

/// At 32 bits for each place, one in 32 other places is taken for a known one, which costs a little time.
constexpr size_t kBitsPerPlace = 32;
constexpr uint64_t kEnd = 256;

uint64_t byte_at(std::string_view text, size_t at) {
  return static_cast<unsigned char>(text[at]);
}

}  // namespace

JoinTable::JoinTable(size_t total_bytes)
    : bits_(std::bit_ceil(kBitsPerPlace * std::max<size_t>(total_bytes, 2))),
      shift_(64 - std::countr_zero(bits_.size())) {}

void JoinTable::add(std::string_view token) {
  for (size_t at = 1; at < token.size(); ++at) {
    const uint64_t before2 = at >= 2 ? byte_at(token, at - 2) : kEnd;
    const uint64_t after2 = at + 1 < token.size() ? byte_at(token, at + 1) : kEnd;
    bits_[bit_of({before2, byte_at(token, at - 1), byte_at(token, at), after2})] = true;
  }
}

bool JoinTable::may_join(std::string_view text, size_t at) const {
  const uint64_t before = byte_at(text, at - 1), after = byte_at(text, at);
  const uint64_t before2 = at >= 2 ? byte_at(text, at - 2) : kEnd;
  const uint64_t after2 = at + 1 < text.size() ? byte_at(text, at + 1) : kEnd;
  return has({before2, before, after, after2}) || has({kEnd, before, after, after2}) ||
         has({before2, before, after, kEnd}) || has({kEnd, before, after, kEnd});
}

size_t JoinTable::bit_of(const Place& place) const {
  const uint64_t key = (place.before2 << 27) | (place.before << 18) | (place.after << 9) | place.after2;
  return static_cast<size_t>((key * 0x9E3779B97F4A7C15) >> shift_);
}

}  // namespace mm
