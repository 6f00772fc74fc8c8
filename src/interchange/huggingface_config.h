// Hugging Face's config.json: of Llama, Qwen3 and Qwen3-MoE models, and of MiniMind's own classes. No torch.
#pragma once

#include <string>
#include <vector>

#include "model/model_config.h"

namespace mm {

/// The settings of a config.json as overrides `model.key=value` of ours. What would change the mathematics in a way
/// that we do not have (rope scaling, attention bias, sliding windows, other activations, dense layers among MoE ones,
/// other architectures) is refused by name.
///   file  its path, for messages
/// Throws Error(kCheckpoint).
std::vector<std::string> read_huggingface_config(const std::string& text, const std::string& file);

/// The special tokens of an exported model.
struct SpecialTokens {
  int64_t bos = 1;
  int64_t eos = 2;
  int64_t pad = 0;
};

/// The architecture that can hold the resolved `model`: "llama" (no q/k-norm, dense), "qwen3" (q/k-norm, dense) or
/// "qwen3_moe" (q/k-norm, experts, none shared). Throws Error(kCheckpoint) that says why none can.
///   where  what is exported, for the message
std::string huggingface_architecture(const ModelConfig& model, const std::string& where);

/// config.json for that architecture, read alike by transformers 4.57 and 5.
///   dtype  "float32", "float16" or "bfloat16": of the weights beside it
std::string write_huggingface_config(const ModelConfig& model, const std::string& architecture,
                                     const std::string& dtype, const SpecialTokens& tokens);

/// generation_config.json with the special tokens.
std::string write_generation_config(const SpecialTokens& tokens);

}  // namespace mm
