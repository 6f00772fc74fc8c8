// Which pairs of tokens merge, when, and into what.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace mm {

struct Merge {
  int32_t left, right;  ///< tokens that stand side by side
  int32_t merged;       ///< the token that replaces them
};

/// The merges of a vocabulary by pair: a flat hash table, because a text asks for several pairs per byte.
class MergeTable {
 public:
  static constexpr uint32_t kNoMerge = UINT32_MAX;

  /// The rank of a merge is its place in `merges`; of two merges of one pair the later one counts. Ids are not
  /// negative.
  explicit MergeTable(const std::vector<Merge>& merges);

  size_t size() const { return merged_.size(); }

  /// The rank of the merge of a pair, or kNoMerge, which is greater than any rank.
  uint32_t rank(int32_t left, int32_t right) const {
    const uint64_t pair = key(left, right);
    for (size_t at = first_bucket(pair);; at = (at + 1) & mask_) {
      const Bucket& bucket = buckets_[at];
      uint32_t rank = kNoMerge;
      // No branch for each place: which one it is cannot be foretold.
      for (size_t i = 0; i < kPlaces; ++i) rank = bucket.pairs[i] == pair ? bucket.ranks[i] : rank;
      if (rank != kNoMerge || bucket.ranks[kPlaces - 1] == kNoMerge) return rank;
    }
  }

  int32_t merged(uint32_t rank) const { return merged_[rank]; }

  /// Whether no merge takes a token that a merge of its own rank or a later one makes, as training would have it: then
  /// all merges of a rank can be made before any pair that they lead to is looked at.
  bool ranks_ascend() const { return ranks_ascend_; }

 private:
  static constexpr size_t kPlaces = 4;

  /// Filled from the front. What a full one has no place for is in the next one.
  struct alignas(64) Bucket {
    std::array<uint64_t, kPlaces> pairs;
    std::array<uint32_t, kPlaces> ranks;
  };

  static uint64_t key(int32_t left, int32_t right) {
    return (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
  }

  size_t first_bucket(uint64_t pair) const {
    const uint64_t mixed = (pair ^ (pair >> 32)) * 0x9E3779B97F4A7C15;
    return static_cast<size_t>(mixed ^ (mixed >> 32)) & mask_;
  }

  std::vector<Bucket> buckets_;
  size_t mask_ = 0;  ///< number of buckets, a power of two, minus one
  std::vector<int32_t> merged_;
  bool ranks_ascend_ = true;
};

}  // namespace mm
