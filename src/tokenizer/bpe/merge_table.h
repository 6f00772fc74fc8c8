// Which pairs of tokens merge, when, and into what.
#pragma once

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
    for (size_t at = first_slot(left, right);; at = (at + 1) & mask_) {
      const Slot& slot = slots_[at];
      if ((slot.left == left && slot.right == right) || slot.rank == kNoMerge) return slot.rank;
    }
  }

  int32_t merged(uint32_t rank) const { return merged_[rank]; }

 private:
  struct Slot {
    int32_t left = -1, right = -1;
    uint32_t rank = kNoMerge;
  };

  size_t first_slot(int32_t left, int32_t right) const {
    uint64_t mixed = (uint64_t{static_cast<uint32_t>(left)} << 32) | static_cast<uint32_t>(right);
    mixed = (mixed ^ (mixed >> 32)) * 0x9E3779B97F4A7C15;
    return static_cast<size_t>(mixed ^ (mixed >> 32)) & mask_;
  }

  std::vector<Slot> slots_;  ///< open addressing, at most half full
  size_t mask_ = 0;          ///< number of slots, a power of two, minus one
  std::vector<int32_t> merged_;
};

}  // namespace mm
