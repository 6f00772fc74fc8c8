// Text from a model.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/causal_lm.h"
#include "recipe/train_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

struct GenerationOptions {
  int64_t max_new_tokens = 64;
  double temperature = 0.8;  ///< 0: the likeliest token every time
  double top_p = 0.95;       ///< Holtzman et al. 2020, arXiv 1904.09751
  int64_t context = 512;     ///< tokens that the model sees: older ones are dropped
  uint64_t seed = 0;
};

/// The tokens that follow `prompt` (at least one), up to `eos_id` (left out; -1: none) or max_new_tokens, drawn among
/// ids below `vocab_size`. The same arguments give the same tokens. Throws StopRequested when a signal asks a run to
/// stop.
std::vector<int32_t> generate_tokens(CausalLm& model, const std::vector<int32_t>& prompt, int32_t eos_id,
                                     int64_t vocab_size, const GenerationOptions& options);

/// The continuation of BOS and `prompt`, up to EOS or max_new_tokens. The same arguments give the same text.
std::string generate(CausalLm& model, const Tokenizer& tokenizer, const std::string& prompt,
                     const GenerationOptions& options);

}  // namespace mm
