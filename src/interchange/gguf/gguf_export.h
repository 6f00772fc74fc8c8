// Writing a model for llama.cpp: one file with everything that it takes to run.
#pragma once

#include <string>

#include "interchange/export/export.h"

namespace mm {

/// Writes `path` as the architecture of llama.cpp that gguf_architecture() names, tokenizer included; whole or not
/// there.
///   dtype  of the matrices: "fp32", "fp16", "bf16" or "q8_0"; "keep": what they have
/// Throws Error(kCheckpoint) for a model that no architecture computes, saying why, and for values that leave their
/// type; Error(kData) for a tokenizer that llama.cpp has none like; Error(kConfig) for other words; Error(kStorage).
void write_gguf_model(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                      const std::string& dtype, const Origin& origin);

}  // namespace mm
