// The tokens of parts of text that came before, in memory of a fixed size.
#pragma once

#include <sys/mman.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <new>
#include <span>
#include <string_view>

namespace mm {

/// The bytes of a part, filled up with bytes that no UTF-8 has: equal keys are equal parts.
template <size_t kWords>
struct PartKey {
  static constexpr size_t kMaxBytes = 8 * kWords;

  /// `length` in [1, kMaxBytes].
  ///   readable  how many bytes may be read from `bytes` on
  static PartKey of(const char* bytes, size_t length, size_t readable) {
    PartKey key, fill;
    if (readable >= kMaxBytes) {
      std::memcpy(&key, bytes, sizeof key);
    } else {
      std::memcpy(&key, bytes, length);
    }
    std::memcpy(&fill, kFill.data() + kMaxBytes - length, sizeof fill);
    for (size_t i = 0; i < kWords; ++i) key.words[i] |= fill.words[i];
    return key;
  }

  uint64_t hash() const {
    uint64_t mixed = words[0];
    for (size_t i = 1; i < kWords; ++i) mixed = (mixed ^ (mixed >> 29)) * 0xBF58476D1CE4E5B9 ^ words[i];
    return (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15;
  }

  bool operator==(const PartKey& other) const {
    uint64_t difference = 0;
    for (size_t i = 0; i < kWords; ++i) difference |= words[i] ^ other.words[i];
    return difference == 0;
  }

  std::array<uint64_t, kWords> words{};

 private:
  /// Read from kMaxBytes - n on, it is 0 for n bytes and then full.
  static constexpr std::array<unsigned char, 2 * kMaxBytes> kFill = [] {
    std::array<unsigned char, 2 * kMaxBytes> fill{};
    for (size_t i = kMaxBytes; i < fill.size(); ++i) fill[i] = 0xFF;
    return fill;
  }();
};

/// A table of `kWays` places for each hash, of which the oldest gives way. A slot has room for `kIds` tokens; a part
/// with more is not kept.
template <class Id, size_t kWords, size_t kWays, int kLogSets>
class PartCache {
 public:
  using Key = PartKey<kWords>;
  static constexpr size_t kIds = 8 * kWords / sizeof(Id) - 1;

  struct Slot {
    size_t count() const { return static_cast<size_t>(ids[kIds]); }

    Key key;
    std::array<Id, kIds + 1> ids;  ///< the last one is their number
  };
  /// Begins with a cache line.
  struct alignas(64) Set {
    std::array<Slot, kWays> slots;
  };

  PartCache() : sets_(static_cast<Set*>(std::aligned_alloc(kHugePage, kBytes))) {
    if (!sets_) throw std::bad_alloc();
    // A random place of some megabytes: small pages would cost a walk of the page table for most parts.
    ::madvise(sets_.get(), kBytes, MADV_HUGEPAGE);
    std::memset(static_cast<void*>(sets_.get()), 0xFF, kBytes);  // no part's key
  }

  /// Where a part would be; asks for it to be brought near.
  Set* set_of(const Key& key) {
    Set* const set = &sets_[key.hash() >> (64 - kLogSets)];
    __builtin_prefetch(set);
    return set;
  }

  /// The slot of `key` in its set, or null.
  static const Slot* find(const Set& set, const Key& key) {
    size_t way = 0;
    for (size_t i = 1; i < kWays; ++i) way += set.slots[i].key == key ? i : 0;
    return set.slots[way].key == key ? &set.slots[way] : nullptr;
  }

  static void add(Set& set, const Key& key, std::span<const int32_t> tokens) {
    if (tokens.size() > kIds) return;
    for (size_t i = kWays - 1; i > 0; --i) set.slots[i] = set.slots[i - 1];
    Slot& slot = set.slots[0];
    slot.key = key;
    for (size_t i = 0; i < tokens.size(); ++i) slot.ids[i] = static_cast<Id>(tokens[i]);
    slot.ids[kIds] = static_cast<Id>(tokens.size());
  }

 private:
  static constexpr size_t kHugePage = size_t{2} << 20;
  static constexpr size_t kBytes = sizeof(Set) << kLogSets;
  static_assert(kBytes % kHugePage == 0);

  struct Free {
    void operator()(Set* sets) const { std::free(sets); }
  };
  std::unique_ptr<Set[], Free> sets_;
};

}  // namespace mm
