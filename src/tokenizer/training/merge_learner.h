// The merges of byte-pair encoding, learned from words and how often they occur.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace mm {

/// Words by their bytes, with their counts.
using WordCounts = std::unordered_map<std::string, int64_t>;

/// A vocabulary under construction: ids are places in `tokens`.
struct LearnedVocabulary {
  std::vector<std::string> tokens;                    ///< bytes
  std::vector<std::pair<uint32_t, uint32_t>> merges;  ///< by rank
};

/// Learns merges until the vocabulary has `vocab_size` tokens or no two tokens stand side by side any more. Each time
/// the pair that occurs most often becomes a token, of several the one of the least ids: as BpeTrainer of version 0.22
/// of Hugging Face's tokenizers does it, so that the same words give the same merges.
///   start       the tokens before the first merge; the bytes are its last 256
///   byte_tokens the id of each byte
/// Source: R. Sennrich, B. Haddow, A. Birch, "Neural Machine Translation of Rare Words with Subword Units", 2016.
LearnedVocabulary learn_merges(const WordCounts& words, std::vector<std::string> start,
                               const std::vector<uint32_t>& byte_tokens, size_t vocab_size);

}  // namespace mm
