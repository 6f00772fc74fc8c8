// The merges that a word is waiting for, in the order in which byte-pair encoding makes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace mm {

/// A merge by its rank in the vocabulary and the position of its left symbol in the word.
struct MergeCandidate {
  uint32_t rank;
  uint32_t position;
};

/// A priority queue of at most one candidate per position: the least rank first, of those the least position.
///
/// Candidates of a rank mostly come from left to right. They stand in a lane of their rank, a list through the
/// positions, and only those that come out of order go through a heap. So a long run of text, where a plain heap would
/// sink every candidate through all its levels, costs constant time per candidate; the worst case stays logarithmic.
class MergeQueue {
 public:
  /// For ranks in [0, rank_count), and no position yet.
  explicit MergeQueue(size_t rank_count) : lanes_(rank_count) {}

  /// Makes room for positions in [0, count). The queue must be empty.
  void resize(size_t count) { links_.assign(count, {}); }

  /// `candidate.position` must have no candidate.
  void push(MergeCandidate candidate);
  /// Removes the candidate of `position`, if it has one.
  void erase(uint32_t position);
  std::optional<MergeCandidate> pop();

 private:
  static constexpr uint32_t kNone = UINT32_MAX;
  static constexpr uint32_t kLate = UINT32_MAX - 1;

  /// Where the candidate of a position stands.
  struct Link {
    uint32_t rank = kNone;      ///< kNone: there is no candidate
    uint32_t previous = kNone;  ///< in the lane; kLate: not in the lane, but in the heap
    uint32_t next = kNone;
  };
  struct Lane {
    uint32_t head = kNone, tail = kNone;
    bool listed = false;  ///< its rank is in `ranks_`
  };

  void unlink(uint32_t position);
  void drop_stale();

  std::vector<Link> links_;      ///< by position
  std::vector<Lane> lanes_;      ///< by rank; positions ascend
  std::vector<uint32_t> ranks_;  ///< a heap of ranks: all whose lanes are not empty, and some that were
  std::vector<uint64_t> late_;   ///< a heap of candidates, rank above position; erased ones stay in it
};

}  // namespace mm
