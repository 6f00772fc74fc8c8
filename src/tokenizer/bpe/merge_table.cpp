// Fills the table of merges.
#include "tokenizer/bpe/merge_table.h"

#include <bit>

namespace mm {

MergeTable::MergeTable(const std::vector<Merge>& merges) : slots_(std::bit_ceil(2 * merges.size() + 1)) {
  mask_ = slots_.size() - 1;
  merged_.reserve(merges.size());
  for (const Merge& merge : merges) {
    size_t at = first_slot(merge.left, merge.right);
    while (slots_[at].rank != kNoMerge && !(slots_[at].left == merge.left && slots_[at].right == merge.right)) {
      at = (at + 1) & mask_;
    }
    slots_[at] = {merge.left, merge.right, static_cast<uint32_t>(merged_.size())};
    merged_.push_back(merge.merged);
  }
}

}  // namespace mm
