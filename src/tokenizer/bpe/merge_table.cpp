// Fills the table of merges.
#include "tokenizer/bpe/merge_table.h"

#include <algorithm>
#include <bit>

namespace mm {
namespace {

bool ascend(const std::vector<Merge>& merges) {
  int32_t last_id = 0;
  for (const Merge& merge : merges) last_id = std::max({last_id, merge.left, merge.right, merge.merged});
  std::vector<size_t> first_use(static_cast<size_t>(last_id) + 1, merges.size());
  for (size_t rank = merges.size(); rank-- > 0;) {
    first_use[static_cast<size_t>(merges[rank].left)] = rank;
    first_use[static_cast<size_t>(merges[rank].right)] = rank;
  }
  for (size_t rank = 0; rank < merges.size(); ++rank) {
    if (first_use[static_cast<size_t>(merges[rank].merged)] <= rank) return false;
  }
  return true;
}

}  // namespace

MergeTable::MergeTable(const std::vector<Merge>& merges)
    : buckets_(std::bit_ceil(merges.size() / 2 + 1)), mask_(buckets_.size() - 1), ranks_ascend_(ascend(merges)) {
  for (Bucket& bucket : buckets_) {
    bucket.pairs.fill(UINT64_MAX);  // no pair, as ids are not negative
    bucket.ranks.fill(kNoMerge);
  }
  merged_.reserve(merges.size());
  for (const Merge& merge : merges) {
    const uint64_t pair = key(merge.left, merge.right);
    const auto rank = static_cast<uint32_t>(merged_.size());
    merged_.push_back(merge.merged);
    size_t at = first_bucket(pair), place = 0;
    while (buckets_[at].ranks[place] != kNoMerge && buckets_[at].pairs[place] != pair) {
      if (++place < kPlaces) continue;
      place = 0;
      at = (at + 1) & mask_;
    }
    buckets_[at].pairs[place] = pair;
    buckets_[at].ranks[place] = rank;
  }
}

}  // namespace mm
