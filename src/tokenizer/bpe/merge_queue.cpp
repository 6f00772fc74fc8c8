// Lanes, the heap of ranks that have one, and the heap of candidates that came late.
#include "tokenizer/bpe/merge_queue.h"

#include <algorithm>
#include <functional>

namespace mm {
namespace {

template <class T>
void push_least(std::vector<T>& heap, T value) {
  heap.push_back(value);
  std::ranges::push_heap(heap, std::greater<>());
}

template <class T>
T pop_least(std::vector<T>& heap) {
  std::ranges::pop_heap(heap, std::greater<>());
  const T least = heap.back();
  heap.pop_back();
  return least;
}

uint64_t key_of(MergeCandidate candidate) {
  return (uint64_t{candidate.rank} << 32) | candidate.position;
}

}  // namespace

void MergeQueue::push(MergeCandidate candidate) {
  Lane& lane = lanes_[candidate.rank];
  Link& link = links_[candidate.position];
  link = {candidate.rank, lane.tail, kNone};
  if (lane.tail == kNone) {
    lane.head = candidate.position;
    if (!lane.listed) push_least(ranks_, candidate.rank);
    lane.listed = true;
  } else if (lane.tail < candidate.position) {
    links_[lane.tail].next = candidate.position;
  } else {
    link.previous = kLate;
    push_least(late_, key_of(candidate));
    return;
  }
  lane.tail = candidate.position;
}

void MergeQueue::erase(uint32_t position) {
  Link& link = links_[position];
  if (link.rank == kNone) return;
  if (link.previous != kLate) unlink(position);
  link.rank = kNone;
}

std::optional<MergeCandidate> MergeQueue::pop() {
  drop_stale();
  if (ranks_.empty() && late_.empty()) return std::nullopt;
  uint64_t key = UINT64_MAX;
  if (!ranks_.empty()) key = key_of({ranks_.front(), lanes_[ranks_.front()].head});
  if (!late_.empty() && late_.front() < key) key = pop_least(late_);
  const MergeCandidate least{static_cast<uint32_t>(key >> 32), static_cast<uint32_t>(key)};
  erase(least.position);
  return least;
}

void MergeQueue::unlink(uint32_t position) {
  const Link& link = links_[position];
  Lane& lane = lanes_[link.rank];
  (link.previous == kNone ? lane.head : links_[link.previous].next) = link.next;
  (link.next == kNone ? lane.tail : links_[link.next].previous) = link.previous;
}

/// Afterwards the fronts of both heaps are of candidates that are there.
void MergeQueue::drop_stale() {
  while (!ranks_.empty() && lanes_[ranks_.front()].head == kNone) lanes_[pop_least(ranks_)].listed = false;
  const auto stale = [&](uint64_t key) {
    const Link& link = links_[static_cast<uint32_t>(key)];
    return link.previous != kLate || link.rank != static_cast<uint32_t>(key >> 32);
  };
  while (!late_.empty() && stale(late_.front())) pop_least(late_);
}

}  // namespace mm
