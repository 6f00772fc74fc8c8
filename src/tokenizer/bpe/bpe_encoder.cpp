// Three ways to the same tokens: short words are searched for their best merge again and again; long ones make all
// merges of a rank in one sweep while there are many, and keep a queue for the rest.
#include "tokenizer/bpe/bpe_encoder.h"

#include <algorithm>
#include <cstring>

#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

/// Up to this length the search, quadratic but in a few cache lines, is the faster way.
constexpr uint32_t kShortWord = 32;
constexpr uint32_t kPlaceBits = 5;
static_assert(kShortWord == 1u << kPlaceBits);

/// A sweep that makes fewer merges than a 16th of the tokens costs more than the queue would.
constexpr size_t kSweepPays = 16;

/// Tells a position apart from a token, neither of which is negative.
constexpr uint32_t kStartMark = uint32_t{1} << 31;

/// Positions in a word take 30 bits, and memory 16 bytes each.
constexpr size_t kLongestWord = size_t{1} << 30;

}  // namespace

std::span<const int32_t> BpeEncoder::encode(std::string_view word) {
  ids_.clear();
  size_t start = 0;
  if (word.size() > kShortWord) {
    for (size_t at = 1; at < word.size(); ++at) {
      if (may_join(word, at)) continue;
      append_part(word.substr(start, at - start));
      start = at;
    }
  }
  append_part(word.substr(start));
  return ids_;
}

/// A word too long for the caches of parts mostly says one thing over and over, so the last answers are kept.
bool BpeEncoder::may_join(std::string_view word, size_t at) {
  if (at < 2 || at + 2 > word.size()) return model_.joins.may_join(word, at);
  uint32_t around = 0;
  std::memcpy(&around, word.data() + at - 2, sizeof around);
  JoinAnswer& answer = join_answers_[(around * 0x9E3779B9u) >> kJoinShift];
  if (answer.around != around) answer = {around, model_.joins.may_join(word, at)};
  return answer.may_join;
}

void BpeEncoder::append_part(std::string_view word) {
  if (word.size() == 1) {
    ids_.push_back(byte_token(word[0]));
  } else if (word.size() <= kShortWord) {
    append_short(word);
  } else {
    append_long(word);
  }
}

/// A token stands at the place of its first byte. The merge of a token with the next one is its rank above its place,
/// so that the least number is the merge to make; places without one have the greatest.
void BpeEncoder::append_short(std::string_view word) {
  constexpr uint32_t kNone = UINT32_MAX;
  std::array<int32_t, kShortWord> tokens;
  std::array<uint32_t, kShortWord> merges;
  std::array<uint8_t, kShortWord> before, after;
  const auto size = static_cast<uint32_t>(word.size());
  const auto merge_at = [&](uint32_t left, uint32_t right) {
    const uint32_t rank = model_.merges.rank(tokens[left], tokens[right]);
    return rank == MergeTable::kNoMerge ? kNone : rank << kPlaceBits | left;
  };
  for (uint32_t at = 0; at < size; ++at) {
    tokens[at] = byte_token(word[at]);
    before[at] = static_cast<uint8_t>(at - 1);
    after[at] = static_cast<uint8_t>(at + 1);
  }
  for (uint32_t at = 0; at + 1 < size; ++at) merges[at] = merge_at(at, at + 1);
  if (size > 0) merges[size - 1] = kNone;

  while (true) {
    uint32_t least = kNone;
    for (uint32_t at = 0; at < size; ++at) least = std::min(least, merges[at]);
    if (least == kNone) break;
    const uint32_t left = least & (kShortWord - 1);
    const uint32_t right = after[left];
    const uint32_t next = after[right];
    tokens[left] = model_.merges.merged(least >> kPlaceBits);
    merges[right] = kNone;
    after[left] = static_cast<uint8_t>(next);
    merges[left] = kNone;
    if (next < size) {
      before[next] = static_cast<uint8_t>(left);
      merges[left] = merge_at(left, next);
    }
    if (left > 0) merges[before[left]] = merge_at(before[left], left);
  }
  for (uint32_t at = 0; at < size; at = after[at]) ids_.push_back(tokens[at]);
}

void BpeEncoder::append_long(std::string_view word) {
  if (word.size() > kLongestWord) {
    throw Error(ExitCode::kData, got_want("text", short_bytes(static_cast<double>(word.size())) + " without a break",
                                          "at most 1 GiB", "is it text?"));
  }
  if (sweep(word)) {
    ids_.insert(ids_.end(), tokens_.begin(), tokens_.end());
  } else {
    append_queued(word);
  }
}

/// Goes on from `tokens_`, the tokens of `word` so far.
void BpeEncoder::append_queued(std::string_view word) {
  if (!queue_) queue_.emplace(model_.merges.size());
  queue_->resize(word.size());
  slots_.resize(word.size());
  uint32_t begin = 0;
  for (const int32_t token : tokens_) {
    const uint32_t end = begin + model_.token_lengths[static_cast<size_t>(token)];
    slots_[end - 1] = kStartMark | begin;
    slots_[begin] = static_cast<uint32_t>(token);
    begin = end;
  }
  for (uint32_t position = 0; position < slots_.size(); position = next(position)) queue_merge(position);
  while (const std::optional<MergeCandidate> candidate = queue_->pop()) merge(*candidate);
  for (uint32_t position = 0; position < slots_.size(); position = next(position)) {
    ids_.push_back(static_cast<int32_t>(slots_[position]));
  }
}

/// Leaves in `tokens_` what is left of `word` when all merges of the least rank have been made, of the next one then,
/// and so on while that pays: with a run of one character, to the end. Whether that is the end.
bool BpeEncoder::sweep(std::string_view word) {
  tokens_.resize(word.size());
  for (size_t at = 0; at < word.size(); ++at) tokens_[at] = byte_token(word[at]);
  // Otherwise a merge may make a pair that merges before the others of its own rank.
  if (!model_.merges.ranks_ascend()) return false;
  ranks_.resize(word.size());
  const auto set_rank = [&](size_t at) { ranks_[at] = rank_of(tokens_[at], tokens_[at + 1]); };
  for (size_t at = 0; at + 1 < tokens_.size(); ++at) set_rank(at);

  size_t made = tokens_.size();
  while (made > tokens_.size() / kSweepPays) {
    ranks_.back() = MergeTable::kNoMerge;
    uint32_t least = MergeTable::kNoMerge;
    for (const uint32_t rank : ranks_) least = std::min(least, rank);
    if (least == MergeTable::kNoMerge) return true;
    const int32_t merged = model_.merges.merged(least);
    const size_t before = tokens_.size();
    size_t end = 0;
    bool stale = false;  // the rank of the last token that was kept
    for (size_t at = 0; at < before; ++at, ++end) {
      const bool merges = ranks_[at] == least;
      tokens_[end] = merges ? merged : tokens_[at];
      if (end > 0 && (stale || merges)) set_rank(end - 1);
      ranks_[end] = ranks_[at];
      stale = merges;
      if (merges) ++at;
    }
    tokens_.resize(end);
    ranks_.resize(end);
    made = before - end;
  }
  return false;
}

/// As MergeTable::rank(), with the last answers at hand.
uint32_t BpeEncoder::rank_of(int32_t left, int32_t right) {
  const uint64_t pair = uint64_t{static_cast<uint32_t>(left)} << 32 | static_cast<uint32_t>(right);
  RankAnswer& answer = rank_answers_[(pair * 0x9E3779B97F4A7C15) >> kRankShift];
  if (answer.pair != pair) answer = {pair, model_.merges.rank(left, right)};
  return answer.rank;
}

/// Queues the merge of the token at `position` with the next one, if that pair has one.
void BpeEncoder::queue_merge(uint32_t position) {
  const uint32_t right = next(position);
  if (right == slots_.size()) return;
  const uint32_t rank = model_.merges.rank(static_cast<int32_t>(slots_[position]), static_cast<int32_t>(slots_[right]));
  if (rank != MergeTable::kNoMerge) queue_->push({rank, position});
}

void BpeEncoder::merge(MergeCandidate candidate) {
  const uint32_t left = candidate.position;
  queue_->erase(next(left));
  slots_[left] = static_cast<uint32_t>(model_.merges.merged(candidate.rank));
  slots_[next(left) - 1] = kStartMark | left;
  if (left > 0) {
    queue_->erase(previous(left));
    queue_merge(previous(left));
  }
  queue_merge(left);
}

uint32_t BpeEncoder::next(uint32_t position) const {
  return position + model_.token_lengths[slots_[position]];
}

/// `position` > 0.
uint32_t BpeEncoder::previous(uint32_t position) const {
  const uint32_t last = slots_[position - 1];
  return last & kStartMark ? last & ~kStartMark : position - 1;
}

}  // namespace mm
