// Every key of `model.rope_scaling`.
#include "model/rope_scaling_config.h"

#include <cmath>

#include "core/text.h"

namespace mm {

void RopeScalingConfig::visit(Fields& fields) {
  fields("rope_type", rope_type,
         "default: angles as rope_theta gives them; yarn: slow ones divided by factor, fast ones kept, those between "
         "in proportion (MiniMind's inference_rope_scaling is yarn with an attention_factor of 1)",
         {.choices = {"default", "yarn"}, .aliases = {"type"}});
  fields("factor", factor, "how many times as long sequences are to be", {.min = 1, .max = 1e6});
  fields("original_max_position_embeddings", original_max_position_embeddings,
         "length of the sequences without scaling", {.min = 1, .max = 1 << 30, .unit = "tokens"});
  fields("beta_fast", beta_fast, "pairs that turn at least so often in that length are fast",
         {.min = 1e-3, .max = 1e6});
  fields("beta_slow", beta_slow, "pairs that turn at most so often are slow", {.min = 1e-3, .max = 1e6});
  fields("attention_factor", attention_factor, "factor on turned queries and keys; null: 0.1 ln(factor) + 1",
         {.min = 1e-3, .max = 1e3});
}

void resolve_rope_scaling(RopeScalingConfig& config, const std::string& where, Problems& problems) {
  if (!config.attention_factor) {
    config.attention_factor = config.is_yarn() ? 0.1 * std::log(config.factor) + 1 : 1.0;
  }
  if (config.beta_slow > config.beta_fast) {
    problems.add(where + ":model.rope_scaling.beta_slow", format("%g", config.beta_slow),
                 "at most beta_fast " + format("%g", config.beta_fast), "slow pairs turn less often than fast ones");
  }
}

}  // namespace mm
