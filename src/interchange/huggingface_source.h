// The way back from classes of transformers whose tensors are not named or weighed as ours (huggingface_tensors.h).
#pragma once

#include <string>

#include "checkpoint/named_tensors.h"

namespace mm {

/// The tensors of a "qwen2_moe", "qwen3_next" or "glm4_moe" model as ours: the shared network is one shared expert;
/// gates of 0 before it, and before the heads, go into the matrix behind them; norm weights that 1 is added to get it.
/// Any other `model_type` has ours already.
///   tensors  Hugging Face names, one tensor per expert
///   file     for messages
/// Throws Error(kCheckpoint) for what our model cannot compute: a bias of queries, keys or values, or a gate before the
/// heads, that is not 0; linear attention; layers without experts.
NamedTensors from_huggingface_class(const NamedTensors& tensors, const std::string& model_type,
                                    const std::string& file);

}  // namespace mm
