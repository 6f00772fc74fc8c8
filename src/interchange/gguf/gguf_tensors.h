// A model's tensors as an architecture of llama.cpp names them.
#pragma once

#include <vector>

#include "checkpoint/named_tensors.h"
#include "interchange/export/gguf_architecture.h"
#include "interchange/gguf/gguf_file.h"

namespace mm {

/// What `architecture`, which gguf_architecture() named for the resolved `model`, reads. Matrices have the type
/// `matrices`; vectors, routers and their biases are fp32, as llama.cpp wants them; rows that kQ8 cannot cut into
/// blocks are fp16, as its own quantiser does. Shared experts are joined; where glm4-moe wants one and the model has
/// none, it is all zeros. An untied head is written, a tied one is not.
///   tensors  Hugging Face names, one tensor per expert, rotary layout of `model`; they outlive what is returned
std::vector<GgufTensor> gguf_tensors(const NamedTensors& tensors, const ModelConfig& model,
                                     GgufArchitecture architecture, GgufType matrices);

}  // namespace mm
