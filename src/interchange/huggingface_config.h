// Hugging Face's config.json, read: of Llama, Qwen3 and Qwen3-MoE models, and of MiniMind's own classes. No torch.
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

}  // namespace mm
