// Finds every weight of a model by its stored name.
#include "model/weights.h"

namespace mm {

ModelWeights bind_weights(const ModelConfig& config, const Parameters& parameters) {
  const auto leaf = [&](const std::string& name) { return parameters.leaf(name + ".weight"); };
  const auto feed_forward = [&](const std::string& prefix) -> FeedForwardWeights {
    return {leaf(prefix + "gate_up_proj"), leaf(prefix + "down_proj")};
  };

  ModelWeights weights;
  weights.embedding = leaf("model.embed_tokens");
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    BlockWeights block;
    block.input_norm = leaf(prefix + "input_layernorm");
    block.attention.qkv = leaf(prefix + "self_attn.qkv_proj");
    block.attention.output = leaf(prefix + "self_attn.o_proj");
    if (config.qk_norm) {
      block.attention.q_norm = leaf(prefix + "self_attn.q_norm");
      block.attention.k_norm = leaf(prefix + "self_attn.k_norm");
    }
    block.post_attention_norm = leaf(prefix + "post_attention_layernorm");
    if (config.is_moe_layer(layer)) {
      const int64_t row = layer - config.moe.first_k_dense_replace;
      const bool hidden = config.moe.router_hidden_size > 0;
      if (hidden) block.moe.router.hidden_hd = leaf(prefix + "mlp.gate.0");
      block.moe.router.gate = leaf(prefix + (hidden ? "mlp.gate.2" : "mlp.gate"));
      const RouterState& state = parameters.router_state();
      if (state.bias_le.defined()) block.moe.router.bias_e = state.bias_le.select(0, row);
      if (state.load_le.defined()) block.moe.router.step_load_e = state.load_le.select(0, row);
      block.moe.experts_gate_up = leaf(prefix + "mlp.experts.gate_up_proj");
      block.moe.experts_down = leaf(prefix + "mlp.experts.down_proj");
      block.moe.exchange = parameters.experts().exchange;
      if (config.moe.n_shared_experts > 0) block.moe.shared = feed_forward(prefix + "mlp.shared_experts.");
      if (config.moe.shared_expert_gate) block.moe.shared_gate = leaf(prefix + "mlp.shared_expert_gate");
    } else {
      block.feed_forward = feed_forward(prefix + "mlp.");
    }
    weights.blocks.push_back(std::move(block));
  }
  weights.norm = leaf("model.norm");
  weights.head = config.tie_word_embeddings ? weights.embedding : leaf("lm_head");
  return weights;
}

}  // namespace mm
