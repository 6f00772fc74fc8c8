// Text from a model.
#pragma once

#include <cstdint>
#include <string>

#include "model/causal_lm.h"
#include "tokenizer/tokenizer.h"
#include "train/train_config.h"

namespace mm {

struct GenerationOptions {
  int64_t max_new_tokens = 64;
  double temperature = 0.8;  ///< 0: the likeliest token every time
  double top_p = 0.95;       ///< Holtzman et al. 2020, arXiv 1904.09751
  int64_t context = 512;     ///< tokens that the model sees: older ones are dropped
  uint64_t seed = 0;
};

/// The continuation of BOS and `prompt`, up to EOS or max_new_tokens. The same arguments give the same text.
std::string generate(CausalLm& model, const Tokenizer& tokenizer, const std::string& prompt,
                     const GenerationOptions& options);

}  // namespace mm
