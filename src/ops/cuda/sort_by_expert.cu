// Slots sorted by expert, by counting: every block counts its slots, one block tells each where its rows begin, and
// every block then places them. Nothing is added atomically, and slots of one expert stay in their order.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kSlots = static_cast<int>(kSlotsOfBlock);
constexpr int kExperts = static_cast<int>(kMostExperts);

/// The slots of a block in segments, so that there is a thread for each segment and expert, which looks for its expert
/// from one end of its segment to the other.
struct Segments {
  int experts, count;
  MM_DEVICE int units() const { return experts * count; }
  MM_DEVICE int length() const { return (kSlots + count - 1) / count; }
  MM_DEVICE int expert(int unit) const { return unit % experts; }
  MM_DEVICE int begin(int unit) const { return unit / experts * length(); }
  MM_DEVICE int end(int unit, int slots) const {
    const int last = begin(unit) + length();
    return last < slots ? last : slots;
  }
};

Segments segments_of(int experts) {
  return {experts, experts < kThreads ? kThreads / experts : 1};
}

/// Brings the experts of this block's slots near, counts them by unit, and returns how many slots there are.
MM_DEVICE int count_units(const int64_t* expert_of_slot, int64_t slots, Segments segments, int* chosen, int* counts) {
  const int64_t first = block() * kSlots;
  const int here = static_cast<int>(slots - first < kSlots ? slots - first : kSlots);
  for (int i = thread(); i < here; i += kThreads) chosen[i] = static_cast<int>(expert_of_slot[first + i]);
  barrier();
  for (int unit = thread(); unit < segments.units(); unit += kThreads) {
    int count = 0;
    for (int i = segments.begin(unit); i < segments.end(unit, here); ++i) count += chosen[i] == segments.expert(unit);
    counts[unit] = count;
  }
  barrier();
  return here;
}

MM_KERNEL count(const int64_t* expert_of_slot, int64_t slots, Segments segments, int32_t* rows_be) {
  MM_SHARED(int, chosen, kSlots);
  MM_SHARED(int, counts, kExperts);
  count_units(expert_of_slot, slots, segments, chosen, counts);
  for (int e = thread(); e < segments.experts; e += kThreads) {
    int sum = 0;
    for (int s = 0; s < segments.count; ++s) sum += counts[s * segments.experts + e];
    rows_be[block() * segments.experts + e] = sum;
  }
}

/// In rows_be, numbers become where they begin. One block.
MM_KERNEL begin_rows(int32_t* rows_be, int64_t slot_blocks, int experts, int32_t* ends_e) {
  MM_SHARED(int, totals, kExperts);
  for (int e = thread(); e < experts; e += threads()) {
    int total = 0;
    for (int64_t b = 0; b < slot_blocks; ++b) total += rows_be[b * experts + e];
    totals[e] = total;
  }
  barrier();
  for (int e = thread(); e < experts; e += threads()) {
    int row = 0;
    for (int i = 0; i < e; ++i) row += totals[i];
    ends_e[e] = row + totals[e];
    for (int64_t b = 0; b < slot_blocks; ++b) {
      const int rows = rows_be[b * experts + e];
      rows_be[b * experts + e] = row;
      row += rows;
    }
  }
}

MM_KERNEL place(const int64_t* expert_of_slot, int64_t slots, int64_t slots_of_token, Segments segments,
                const int32_t* rows_be, int64_t* token_of_row, int64_t* slot_of_row, int64_t* row_of_slot) {
  MM_SHARED(int, chosen, kSlots);
  MM_SHARED(int, row_of_unit, kExperts);
  const int here = count_units(expert_of_slot, slots, segments, chosen, row_of_unit);
  for (int e = thread(); e < segments.experts; e += kThreads) {
    int row = rows_be[block() * segments.experts + e];
    for (int s = 0; s < segments.count; ++s) {
      int& of_unit = row_of_unit[s * segments.experts + e];
      const int rows = of_unit;
      of_unit = row;
      row += rows;
    }
  }
  barrier();
  for (int unit = thread(); unit < segments.units(); unit += kThreads) {
    int64_t row = row_of_unit[unit];
    for (int i = segments.begin(unit); i < segments.end(unit, here); ++i) {
      if (chosen[i] != segments.expert(unit)) continue;
      const int64_t slot = block() * kSlots + i;
      row_of_slot[slot] = row;
      slot_of_row[row] = slot;
      if (token_of_row != nullptr) token_of_row[row] = slot / slots_of_token;
      ++row;
    }
  }
}

}  // namespace

void sort_by_expert(const int64_t* expert_of_slot, int64_t slots, int64_t slots_of_token, int64_t num_experts,
                    int32_t* rows_be, int64_t* token_of_row, int64_t* slot_of_row, int64_t* row_of_slot,
                    int32_t* ends_e, Stream stream) {
  const int experts = static_cast<int>(num_experts);
  const Segments segments = segments_of(experts);
  const Grid grid{slot_blocks(slots), kThreads};
  launch(count, grid, stream, expert_of_slot, slots, segments, rows_be);
  launch(begin_rows, {1, whole_warps(num_experts)}, stream, rows_be, grid.blocks, experts, ends_e);
  launch(place, grid, stream, expert_of_slot, slots, slots_of_token, segments, static_cast<const int32_t*>(rows_be),
         token_of_row, slot_of_row, row_of_slot);
}

}  // namespace mm::cuda
