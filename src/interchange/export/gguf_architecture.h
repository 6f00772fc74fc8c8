// The architectures of llama.cpp that compute our models as they are. No torch.
#pragma once

#include <string>

#include "interchange/huggingface_class.h"

namespace mm {

enum class GgufArchitecture {
  kLlama,     ///< dense; rotary pairs interleaved
  kQwen3,     ///< dense with q/k-norm
  kQwen3Moe,  ///< q/k-norm, softmax scores that are normalised, no shared experts
  kGlm4Moe,   ///< any other mixture: softmax or sigmoid scores, a bias for the choice, plain shared experts, dense
              ///< first layers, q/k-norm or none
};

/// As `general.architecture` has it: "glm4moe".
std::string name_of(GgufArchitecture architecture);

/// The architecture that holds the resolved `model` exactly.
///
/// qwen2moe and qwen3next, whose classes of transformers have a gate before the shared experts, are none of them:
/// llama.cpp's qwen2moe never normalises the chosen weights, and divides a gate of 0 by itself.
Fitting<GgufArchitecture> gguf_architecture(const ModelConfig& model);

}  // namespace mm
