// The weights of a model as the forward pass reads them: plain structs of tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/model_config.h"
#include "model/parameters.h"

namespace mm {

// Shapes: d hidden_size, q attention width, k key/value width, c head_dim, i expert width, e experts, v vocabulary.

struct AttentionWeights {
  at::Tensor qkv;     ///< [q + 2k, d]
  at::Tensor output;  ///< [d, q]
  at::Tensor q_norm;  ///< [c], undefined without qk_norm
  at::Tensor k_norm;  ///< [c], undefined without qk_norm
};

struct FeedForwardWeights {
  at::Tensor gate_up;  ///< [2i, d]: gate rows, then up rows
  at::Tensor down;     ///< [d, i]
};

struct MoeWeights {
  at::Tensor gate;             ///< [e, d] fp32: the router
  at::Tensor experts_gate_up;  ///< [e, 2i, d]
  at::Tensor experts_down;     ///< [e, d, i]
  FeedForwardWeights shared;   ///< all shared experts side by side; undefined when there are none
};

struct BlockWeights {
  at::Tensor input_norm;  ///< [d]
  AttentionWeights attention;
  at::Tensor post_attention_norm;   ///< [d]
  FeedForwardWeights feed_forward;  ///< dense models
  MoeWeights moe;                   ///< MoE models
};

struct ModelWeights {
  at::Tensor embedding;  ///< [v, d]
  std::vector<BlockWeights> blocks;
  at::Tensor norm;  ///< [d]
  at::Tensor head;  ///< [v, d]; the embedding itself when tied
};

/// The leaves of `parameters`, put in their places.
ModelWeights bind_weights(const ModelConfig& config, const Parameters& parameters);

}  // namespace mm
