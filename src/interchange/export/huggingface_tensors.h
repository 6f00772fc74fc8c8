// A model's tensors as a class of transformers names and weighs them.
#pragma once

#include <string>

#include "checkpoint/named_tensors.h"
#include "interchange/huggingface_class.h"

namespace mm {

/// The state dict of `target`, which huggingface_class() named for the resolved `model`. Llama, Qwen3 and Qwen3-MoE
/// take the tensors as they are; the others have parts that ours lack, and are given neutral ones, each exact in
/// binary:
///
///   shared experts  joined into one network; plain ones behind a gate of 0, which lets half through, have `down_proj`
///                   doubled (Qwen2-MoE, Qwen3-Next)
///   attention gate  0, with `o_proj` doubled (Qwen3-Next)
///   norms           weight - 1 (Qwen3-Next), exact for weights from 1/2 to 2
///   biases          0 on queries, keys and values (Qwen2-MoE) and on scores that have none (Glm4-MoE)
///
/// `routed_scaling_factor` becomes part of the experts' `down_proj`, where the class has none of its own.
///   tensors  Hugging Face names, one tensor per expert, rotary layout of `model`
///   where    what is being written, for messages
/// Throws Error(kCheckpoint) when a doubled value leaves its type.
NamedTensors huggingface_tensors(const NamedTensors& tensors, const ModelConfig& model, HuggingFaceClass target,
                                 const std::string& where);

/// Whether such a tensor stays fp32, whatever type the others have: transformers keeps it so.
bool stays_fp32(const std::string& name);

}  // namespace mm
