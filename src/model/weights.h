// The weights of a model as the forward pass reads them: plain structs of tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/model_config.h"
#include "model/parameters/parameters.h"

namespace mm {

// Shapes: d hidden_size, q attention width, k key/value width, c head_dim, i expert width, e experts, h
// router_hidden_size, v vocabulary.

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

struct RouterWeights {
  at::Tensor hidden_hd = {};  ///< [h, d] fp32: the hidden layer of the router; undefined without one
  at::Tensor gate;            ///< [e, d] fp32; [e, h] behind a hidden layer
  // Views of the model's RouterState.
  at::Tensor bias_e = {};       ///< [e] fp32: added to the scores for the choice; undefined without one
  at::Tensor step_load_e = {};  ///< [e] fp32: share of the last step; undefined unless aux_loss is "step"
};

struct MoeWeights {
  RouterWeights router;
  at::Tensor experts_gate_up;             ///< [e, 2i, d]; of the experts that are here
  at::Tensor experts_down;                ///< [e, d, i]
  FeedForwardWeights shared;              ///< all shared experts side by side; undefined when there are none
  at::Tensor shared_gate;                 ///< [1, d] fp32; undefined when they are not gated
  const RowExchange* exchange = nullptr;  ///< to the experts that are not here; null: all are
};

struct BlockWeights {
  at::Tensor input_norm;  ///< [d]
  AttentionWeights attention;
  at::Tensor post_attention_norm;   ///< [d]
  FeedForwardWeights feed_forward;  ///< of a dense layer
  MoeWeights moe;                   ///< of an MoE layer
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
