// Parts are looked up in batches, so that the memory of one is fetched while others are worked on.
#include "tokenizer/bpe/fast_encoder.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "tokenizer/bpe/block_scanner.h"

namespace mm {
namespace {

bool is_ascii(std::string_view text) {
  return std::ranges::all_of(text, [](char byte) { return static_cast<unsigned char>(byte) < 0x80; });
}

}  // namespace

template <class Id>
void FastEncoder<Id>::encode(std::string_view text, TokenBuffer<Id>& ids) {
  if (words_ == WordRules{}) {
    encode_blocks(text, ids);
  } else {
    encode_words(text, ids);
  }
}

/// By GPT-2's pattern.
template <class Id>
void FastEncoder<Id>::encode_blocks(std::string_view text, TokenBuffer<Id>& ids) {
  BlockScanner scanner(characters_, text);
  BlockScanner::Block block;
  size_t count = 0;  // starts that wait for their ends
  while (scanner.next(block)) {
    for (uint64_t starts = block.starts; starts != 0; starts &= starts - 1) {
      starts_[count++] = block.begin + static_cast<size_t>(std::countr_zero(starts));
    }
    if (count > kBatch) {
      encode_parts(text, count - 1, ids);
      starts_[0] = starts_[count - 1];
      count = 1;
    }
  }
  starts_[count] = text.size();
  encode_parts(text, count, ids);
}

/// By any other one: a word at a time, cut as BlockScanner cuts it.
template <class Id>
void FastEncoder<Id>::encode_words(std::string_view text, TokenBuffer<Id>& ids) {
  using Character = CharacterTable::Character;
  const auto character_at = [&](std::string_view word, size_t at) {
    char bytes[4] = {};  // of which the table may look at all
    std::memcpy(bytes, word.data() + at, std::min(sizeof bytes, word.size() - at));
    return characters_.at(bytes);
  };
  size_t count = 0;
  const auto add_start = [&](size_t at) {
    starts_[count++] = at;
    if (count <= kBatch) return;
    encode_parts(text, count - 1, ids);
    starts_[0] = at;
    count = 1;
  };
  WordCutter words(words_, text);
  for (std::string_view word = words.next(); !word.empty(); word = words.next()) {
    const auto begin = static_cast<size_t>(word.data() - text.data());
    add_start(begin);
    if (is_ascii(word)) continue;
    Character left = character_at(word, 0);
    for (size_t at = left.length; at < word.size(); at += left.length) {
      const Character right = character_at(word, at);
      const bool ascii = left.code_point < 0x80 && right.code_point < 0x80;
      if (!ascii && !characters_.may_join(left, right)) add_start(begin + at);
      left = right;
    }
  }
  starts_[count] = text.size();
  encode_parts(text, count, ids);
}

/// The parts [starts_[i], starts_[i + 1]) for all i below `count`.
template <class Id>
void FastEncoder<Id>::encode_parts(std::string_view text, size_t count, TokenBuffer<Id>& ids) {
  const auto long_key = [&](size_t i) {
    return LongCache::Key::of(text.data() + starts_[i], starts_[i + 1] - starts_[i], text.size() - starts_[i]);
  };
  for (size_t i = 0; i < count; ++i) {
    const size_t length = starts_[i + 1] - starts_[i];
    Lookup lookup{};
    if (length <= ShortCache::Key::kMaxBytes) {
      lookup.key = ShortCache::Key::of(text.data() + starts_[i], length, text.size() - starts_[i]);
      lookup.short_set = short_parts_.set_of(lookup.key);
    } else if (length <= LongCache::Key::kMaxBytes) {
      lookup.long_set = long_parts_.set_of(long_key(i));
    }
    lookups_[i] = lookup;
  }

  // Slots are copied whole, so the room is for those.
  constexpr size_t kRoom = LongCache::kIds + 1;
  const auto append = [](const auto* slot, Id* out) {
    std::memcpy(out, slot->ids.data(), sizeof slot->ids);
    return out + slot->count();
  };
  Id* out = ids.room(count * kRoom);
  for (size_t i = 0; i < count; ++i) {
    const Lookup& lookup = lookups_[i];
    if (lookup.short_set != nullptr) {
      if (const auto* slot = ShortCache::find(*lookup.short_set, lookup.key)) {
        out = append(slot, out);
        continue;
      }
    } else if (lookup.long_set != nullptr) {
      if (const auto* slot = LongCache::find(*lookup.long_set, long_key(i))) {
        out = append(slot, out);
        continue;
      }
    }
    out = merge_part(text.substr(starts_[i], starts_[i + 1] - starts_[i]), lookup, ids, out, (count - i) * kRoom);
  }
  ids.keep(out);
}

/// Asks for the tokens of a part that is in no cache, and puts it into one. A short part of many tokens is in the other
/// cache, where it is looked for here.
template <class Id>
Id* FastEncoder<Id>::merge_part(std::string_view part, Lookup lookup, TokenBuffer<Id>& ids, Id* out,
                                size_t room_behind) {
  typename LongCache::Key long_key;
  if (part.size() <= LongCache::Key::kMaxBytes) {
    long_key = LongCache::Key::of(part.data(), part.size(), part.size());
    lookup.long_set = long_parts_.set_of(long_key);
    if (const auto* slot = LongCache::find(*lookup.long_set, long_key)) {
      return std::copy_n(slot->ids.data(), slot->count(), out);
    }
  }
  const std::span<const int32_t> merged = merger_.encode(part);
  if (lookup.short_set != nullptr && merged.size() <= ShortCache::kIds) {
    ShortCache::add(*lookup.short_set, lookup.key, merged);
  } else if (lookup.long_set != nullptr) {
    LongCache::add(*lookup.long_set, long_key, merged);
  }
  ids.keep(out);
  out = ids.room(merged.size() + room_behind);
  return std::ranges::transform(merged, out, [](int32_t id) { return static_cast<Id>(id); }).out;
}

template class FastEncoder<uint16_t>;
template class FastEncoder<int32_t>;

}  // namespace mm
