// Two ways to the same tokens: short words are searched for their best merge again and again, long ones keep a queue.
#include "tokenizer/bpe/bpe_encoder.h"

#include <algorithm>

#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

/// Up to this length the search, quadratic but in one or two cache lines, is the faster way.
constexpr size_t kShortWord = 32;

/// Tells a position apart from a token, neither of which is negative.
constexpr uint32_t kStartMark = uint32_t{1} << 31;

/// Positions in a word take 30 bits, and memory 16 bytes each.
constexpr size_t kLongestWord = size_t{1} << 30;

}  // namespace

void BpeEncoder::append(std::string_view word, std::vector<int32_t>& ids) {
  size_t start = 0;
  if (word.size() > kShortWord) {
    for (size_t at = 1; at < word.size(); ++at) {
      if (model_.joins.may_join(word, at)) continue;
      append_part(word.substr(start, at - start), ids);
      start = at;
    }
  }
  append_part(word.substr(start), ids);
}

void BpeEncoder::append_part(std::string_view word, std::vector<int32_t>& ids) {
  if (word.size() <= kShortWord) {
    append_short(word, ids);
  } else {
    append_long(word, ids);
  }
}

void BpeEncoder::append_short(std::string_view word, std::vector<int32_t>& ids) const {
  std::array<int32_t, kShortWord> tokens;
  std::array<uint32_t, kShortWord> ranks;  // of the merge of a token with the next one
  size_t count = word.size();
  const auto rank_at = [&](size_t at) {
    return at + 1 < count ? model_.merges.rank(tokens[at], tokens[at + 1]) : MergeTable::kNoMerge;
  };
  for (size_t at = 0; at < count; ++at) tokens[at] = byte_token(word[at]);
  for (size_t at = 0; at < count; ++at) ranks[at] = rank_at(at);

  while (count > 1) {
    const auto best = static_cast<size_t>(std::min_element(ranks.begin(), ranks.begin() + count) - ranks.begin());
    if (ranks[best] == MergeTable::kNoMerge) break;
    tokens[best] = model_.merges.merged(ranks[best]);
    std::copy(tokens.begin() + best + 2, tokens.begin() + count, tokens.begin() + best + 1);
    std::copy(ranks.begin() + best + 2, ranks.begin() + count, ranks.begin() + best + 1);
    --count;
    ranks[best] = rank_at(best);
    if (best > 0) ranks[best - 1] = rank_at(best - 1);
  }
  ids.insert(ids.end(), tokens.begin(), tokens.begin() + count);
}

void BpeEncoder::append_long(std::string_view word, std::vector<int32_t>& ids) {
  if (word.size() > kLongestWord) {
    throw Error(ExitCode::kData, got_want("text", short_bytes(static_cast<double>(word.size())) + " without a break",
                                          "at most 1 GiB", "is it text?"));
  }
  if (!queue_) queue_.emplace(model_.merges.size());
  queue_->resize(word.size());
  slots_.resize(word.size());
  for (size_t at = 0; at < word.size(); ++at) slots_[at] = static_cast<uint32_t>(byte_token(word[at]));
  for (uint32_t position = 0; position < slots_.size(); ++position) queue_merge(position);
  while (const std::optional<MergeCandidate> candidate = queue_->pop()) merge(*candidate);
  for (uint32_t position = 0; position < slots_.size(); position = next(position)) {
    ids.push_back(static_cast<int32_t>(slots_[position]));
  }
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
