// Which token comes next, by what the model expects and the rules for drawing from that. No torch.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/random.h"

namespace mm {

/// Applied in the order of Hugging Face's `generate`: penalty, temperature, top-k, top-p, min-p.
struct SamplingRule {
  double temperature = 0.8;       ///< 0: the likeliest token every time
  int64_t top_k = 0;              ///< draw among so many of the likeliest tokens; 0: among all
  double top_p = 0.95;            ///< among those that have this joint probability: Holtzman 2020, arXiv 1904.09751
  double min_p = 0;               ///< and at least this share of the likeliest one's: Nguyen 2024, arXiv 2407.01082
  double repetition_penalty = 1;  ///< logits of earlier tokens are divided by it: Keskar 2019, arXiv 1909.05858
};

/// Draws tokens from a seed: the same logits in the same order give the same tokens.
class TokenChooser {
 public:
  TokenChooser(const SamplingRule& rule, uint64_t seed) : rule_(rule), random_(seed, "generate") {}

  /// One of the tokens that `logits` are of; the lower id where two are equally likely.
  ///   seen  the tokens before it, for the penalty; ids that have no logit do not count
  /// Throws Error(kDiverged) for logits that are not finite.
  int32_t choose(std::span<const float> logits, std::span<const int32_t> seen);

 private:
  struct Candidate {
    double probability;
    int32_t id;
  };

  void penalize(std::span<const int32_t> seen);
  int32_t draw();

  SamplingRule rule_;
  RandomStream random_;
  std::vector<float> logits_;
  std::vector<bool> penalized_;
  std::vector<Candidate> heap_, kept_;  // kept from token to token, for their memory
};

}  // namespace mm
