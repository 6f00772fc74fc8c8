// Parameter and FLOP counts, derived from the layout so that they cannot disagree with it.
#include "model/parameters/count.h"

#include "model/parameters/parameter_layout.h"

namespace mm {

ParameterCount count_parameters(const ModelConfig& config) {
  ParameterCount count;
  for (const NamedSlice& slice : parameter_layout(config).named) count.total += element_count(slice.shape);
  count.active = count.total;
  if (config.is_moe()) {
    const int64_t idle_experts = config.moe.num_experts - config.moe.num_experts_per_tok;
    count.active -= config.moe_layers() * idle_experts * 3 * config.hidden_size * config.expert_width();
  }
  return count;
}

double flops_per_token(const ModelConfig& config, int64_t sequence_length) {
  const int64_t embedding = config.vocab_size * config.hidden_size;
  const int64_t vectors = config.hidden_size * (2 * config.num_hidden_layers + 1) +
                          (config.qk_norm ? 2 * *config.head_dim * config.num_hidden_layers : 0);
  int64_t multiplied = count_parameters(config).active - vectors;
  if (!config.tie_word_embeddings) multiplied -= embedding;
  const int64_t attention = config.num_hidden_layers * config.attention_width() * sequence_length;
  return 6.0 * static_cast<double>(multiplied) + 6.0 * static_cast<double>(attention);
}

}  // namespace mm
