// The samples of a run: what the model writes behind the prompts of its config.
#pragma once

#include <vector>

#include "metrics/record.h"
#include "model/causal_lm.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// One continuation of each of `sample.prompts`, or of nothing where there are none; `step` is left open. The same
/// weights and seed give the same texts. A prompt after which the logits are not finite has no sample but a warning.
std::vector<SampleRecord> draw_samples(CausalLm& model, const Tokenizer& tokenizer, const RunConfig& config);

}  // namespace mm
