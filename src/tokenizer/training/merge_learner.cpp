// Counts of pairs are kept up to date merge by merge: only the words that a pair occurs in are looked at again, and
// what changes beside a merged pair is added up by neighbour first, so that a merge costs few look-ups.
#include "tokenizer/training/merge_learner.h"

#include <algorithm>
#include <array>

#include "core/terminal/progress.h"

namespace mm {
namespace {

using Positions = std::vector<uint32_t>;  ///< words

uint64_t pair_of(uint32_t left, uint32_t right) {
  return uint64_t{left} << 32 | right;
}

/// A pair that waits to be merged in some words. A pair may wait several times, for different words.
struct Candidate {
  int64_t count;
  uint64_t pair;
  Positions positions;
};

/// The greatest count first, of those the least ids.
bool comes_later(const Candidate& a, const Candidate& b) {
  return a.count != b.count ? a.count < b.count : a.pair > b.pair;
}

class Learner {
 public:
  Learner(const WordCounts& words, std::vector<std::string> start, const std::vector<uint32_t>& byte_tokens)
      : vocabulary_{std::move(start), {}} {
    for (uint32_t id = 0; id < vocabulary_.tokens.size(); ++id) ids_.try_emplace(vocabulary_.tokens[id], id);
    for (const auto& [word, count] : words) {
      words_.push_back({symbols_.size(), static_cast<uint32_t>(word.size()), count});
      for (const char byte : word) symbols_.push_back(byte_tokens[static_cast<unsigned char>(byte)]);
    }
    count_pairs();
  }

  void learn(size_t vocab_size) {
    sides_.resize(std::max(vocab_size, vocabulary_.tokens.size()));
    Progress progress("learning merges", static_cast<double>(vocab_size));
    while (vocabulary_.tokens.size() < vocab_size && !queue_.empty()) {
      progress.done(static_cast<double>(vocabulary_.tokens.size()));
      std::ranges::pop_heap(queue_, comes_later);
      Candidate best = std::move(queue_.back());
      queue_.pop_back();
      const int64_t count = counts_[best.pair];
      if (best.count != count) {
        best.count = count;
        push(std::move(best));
        continue;
      }
      if (count < 1) break;
      merge(best);
    }
  }

  LearnedVocabulary take() {
    keep_last_of_each();
    return std::move(vocabulary_);
  }

 private:
  struct Word {
    size_t begin;
    uint32_t length;
    int64_t count;
  };

  /// A pair and the words that it is in; or what merging a pair changes beside one neighbour.
  struct Side {
    int64_t count = 0;
    Positions positions;
  };
  struct Sides {
    Side left, right;
  };

  void push(Candidate candidate) {
    queue_.push_back(std::move(candidate));
    std::ranges::push_heap(queue_, comes_later);
  }

  /// All symbols are bytes, the last 256 tokens so far.
  void count_pairs() {
    constexpr size_t kBytes = 256;
    const size_t first = vocabulary_.tokens.size() - kBytes;
    std::vector<Side> pairs(kBytes * kBytes);
    for (uint32_t index = 0; index < words_.size(); ++index) {
      const Word& word = words_[index];
      for (size_t at = word.begin; at + 1 < word.begin + word.length; ++at) {
        Side& pair = pairs[(symbols_[at] - first) * kBytes + (symbols_[at + 1] - first)];
        pair.count += word.count;
        add_position(pair.positions, index);
      }
    }
    for (size_t i = 0; i < pairs.size(); ++i) {
      if (pairs[i].count == 0) continue;
      const uint64_t pair =
          pair_of(static_cast<uint32_t>(first + i / kBytes), static_cast<uint32_t>(first + i % kBytes));
      counts_[pair] = pairs[i].count;
      push({pairs[i].count, pair, std::move(pairs[i].positions)});
    }
  }

  /// Words come in order.
  static void add_position(Positions& positions, uint32_t word) {
    if (positions.empty() || positions.back() != word) positions.push_back(word);
  }

  void merge(const Candidate& best) {
    const auto left = static_cast<uint32_t>(best.pair >> 32), right = static_cast<uint32_t>(best.pair);
    const uint32_t merged = token_of(vocabulary_.tokens[left] + vocabulary_.tokens[right]);
    vocabulary_.merges.emplace_back(left, right);
    for (const uint32_t index : best.positions) merge_in(index, left, right, merged);

    for (const uint32_t neighbour : touched_) {
      const Sides& sides = sides_[neighbour];
      if (sides.left.count > 0) {
        counts_[pair_of(neighbour, left)] -= sides.left.count;
        counts_[pair_of(neighbour, merged)] += sides.left.count;
      }
      if (sides.right.count > 0) {
        counts_[pair_of(right, neighbour)] -= sides.right.count;
        counts_[pair_of(merged, neighbour)] += sides.right.count;
      }
    }
    for (const uint32_t neighbour : touched_) {
      Sides& sides = sides_[neighbour];
      if (neighbour == merged) {  // both sides are the same pair
        Positions both;
        std::ranges::set_union(sides.left.positions, sides.right.positions, std::back_inserter(both));
        push_new(pair_of(merged, merged), std::move(both));
      } else {
        push_new(pair_of(neighbour, merged), std::move(sides.left.positions));
        push_new(pair_of(merged, neighbour), std::move(sides.right.positions));
      }
      sides = {};
    }
    touched_.clear();
  }

  /// The id of a token, which another pair may have made before.
  uint32_t token_of(std::string text) {
    const auto [found, added] = ids_.try_emplace(text, static_cast<uint32_t>(vocabulary_.tokens.size()));
    if (added) vocabulary_.tokens.push_back(std::move(text));
    return found->second;
  }

  void merge_in(uint32_t index, uint32_t left, uint32_t right, uint32_t merged) {
    Word& word = words_[index];
    uint32_t* const symbols = symbols_.data() + word.begin;
    uint32_t end = 0;
    for (uint32_t at = 0; at < word.length; ++at, ++end) {
      if (at + 1 == word.length || symbols[at] != left || symbols[at + 1] != right) {
        symbols[end] = symbols[at];
        continue;
      }
      if (end > 0) change(sides_[symbols[end - 1]].left, symbols[end - 1], word.count, index);
      if (at + 2 < word.length) change(sides_[symbols[at + 2]].right, symbols[at + 2], word.count, index);
      symbols[end] = merged;
      ++at;
    }
    word.length = end;
  }

  void change(Side& side, uint32_t neighbour, int64_t count, uint32_t word) {
    const Sides& sides = sides_[neighbour];
    if (sides.left.positions.empty() && sides.right.positions.empty()) touched_.push_back(neighbour);
    side.count += count;
    add_position(side.positions, word);
  }

  void push_new(uint64_t pair, Positions positions) {
    if (positions.empty()) return;
    const int64_t count = counts_[pair];
    if (count > 0) push({count, pair, std::move(positions)});
  }

  /// A pair that waited twice was merged twice; its rank is the later one, as of two merges of one pair that counts.
  void keep_last_of_each() {
    auto& merges = vocabulary_.merges;
    std::unordered_map<uint64_t, size_t> last;
    for (size_t rank = 0; rank < merges.size(); ++rank) last[pair_of(merges[rank].first, merges[rank].second)] = rank;
    size_t kept = 0;
    for (size_t rank = 0; rank < merges.size(); ++rank) {
      if (last[pair_of(merges[rank].first, merges[rank].second)] == rank) merges[kept++] = merges[rank];
    }
    merges.resize(kept);
  }

  LearnedVocabulary vocabulary_;
  std::unordered_map<std::string, uint32_t> ids_;
  std::vector<Word> words_;
  std::vector<uint32_t> symbols_;  ///< of all words, one after the other
  std::unordered_map<uint64_t, int64_t> counts_;
  std::vector<Candidate> queue_;  ///< a heap
  std::vector<Sides> sides_;      ///< by neighbour, for the merge under way
  std::vector<uint32_t> touched_;
};

}  // namespace

LearnedVocabulary learn_merges(const WordCounts& words, std::vector<std::string> start,
                               const std::vector<uint32_t>& byte_tokens, size_t vocab_size) {
  Learner learner(words, std::move(start), byte_tokens);
  learner.learn(vocab_size);
  return learner.take();
}

}  // namespace mm
