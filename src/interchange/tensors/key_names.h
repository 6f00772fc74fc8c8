// Tensor names: between MiniMind's two spellings, and the order in which a generation lists them. No torch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interchange/config/generation.h"

namespace mm {

/// Where the embedding and the head are, in Hugging Face's names.
inline constexpr std::string_view kEmbeddingName = "model.embed_tokens.weight";
inline constexpr std::string_view kHeadName = "lm_head.weight";

/// MiniMind's name before April 2025 as the Hugging Face name; other names stay as they are.
///   layers.0.feed_forward.shared_experts.w1.weight -> model.layers.0.mlp.shared_experts.0.gate_proj.weight
std::string huggingface_name(std::string_view name);

/// The inverse, for names of models that the old spelling can express.
std::string minimind_name(std::string_view name);

/// A key without `_orig_mod.` (saved from a compiled model) and `module.` (saved from a distributed one), in any number
/// and order.
std::string_view without_prefixes(std::string_view key);

/// Hugging Face names of all parameters in the order of the generation's `state_dict()`, the head last when it is not
/// tied. `model` is resolved. Without the head it is the order of `parameters()`, hence of AdamW's numbering.
std::vector<std::string> state_dict_order(const Generation& generation, const ModelConfig& model);

}  // namespace mm
