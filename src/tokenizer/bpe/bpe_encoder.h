// Byte-pair encoding of one word after another.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "tokenizer/bpe/join_table.h"
#include "tokenizer/bpe/merge_queue.h"
#include "tokenizer/bpe/merge_table.h"

namespace mm {

/// What byte-pair encoding needs of a vocabulary.
struct BpeModel {
  std::array<int32_t, 256> byte_tokens;
  MergeTable merges;
  JoinTable joins;                      ///< of all tokens that a merge makes
  std::vector<uint32_t> token_lengths;  ///< bytes, by token
};

/// Encodes words of any length. Holds the memory it works in: one for each thread.
class BpeEncoder {
 public:
  /// `model` outlives the encoder.
  explicit BpeEncoder(const BpeModel& model) : model_(model) {}

  /// The tokens of `word`: of all pairs that merge, the one of least rank does, the leftmost of several, until none is
  /// left. They live until the next call. Takes memory and, but for text made to prevent it, time proportional to the
  /// length of the word. Throws Error(kData) for a word of more than 1 GiB.
  std::span<const int32_t> encode(std::string_view word);

 private:
  bool may_join(std::string_view word, size_t at);
  uint32_t rank_of(int32_t left, int32_t right);
  void append_part(std::string_view word);
  void append_short(std::string_view word);
  void append_long(std::string_view word);
  bool sweep(std::string_view word);
  void append_queued(std::string_view word);
  void queue_merge(uint32_t position);
  void merge(MergeCandidate candidate);
  int32_t byte_token(char byte) const { return model_.byte_tokens[static_cast<unsigned char>(byte)]; }
  uint32_t next(uint32_t position) const;
  uint32_t previous(uint32_t position) const;

  /// What tables said of the same bytes, or of the same pair, before.
  struct JoinAnswer {
    uint32_t around = 0;  ///< two bytes before and two after
    bool may_join = true;
  };
  struct RankAnswer {
    uint64_t pair = UINT64_MAX;  ///< of no tokens
    uint32_t rank = 0;
  };
  static constexpr int kLogAnswers = 6;
  static constexpr int kJoinShift = 32 - kLogAnswers, kRankShift = 64 - kLogAnswers;

  const BpeModel& model_;
  std::array<JoinAnswer, size_t{1} << kLogAnswers> join_answers_;  ///< "may join" is right of any, if not exact
  std::array<RankAnswer, size_t{1} << kLogAnswers> rank_answers_;
  std::vector<int32_t> ids_;         ///< of the word so far
  std::optional<MergeQueue> queue_;  ///< made for the first long word

  /// The tokens of the long word under work. A token stands at the position of its first byte; at that of its last
  /// byte, if it is another one, stands where it begins, marked as such. The rest is left over. That is a chain in both
  /// directions in four bytes a position: the time of long words goes into memory.
  std::vector<uint32_t> slots_;

  std::vector<int32_t> tokens_;  ///< of the long word, while sweeps pay
  std::vector<uint32_t> ranks_;  ///< of the merge of each of them with the next one
};

}  // namespace mm
