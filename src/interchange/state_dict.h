// A model's tensors as a generation's state dict names, orders and lays them out.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/named_tensors.h"
#include "interchange/config/generation.h"

namespace mm {

/// The state dict that MiniMind's own loaders take with strict=True, tied head included.
///   tensors  Hugging Face names, one tensor per expert, no tied head
///   model    their resolved config
/// Throws Error(kCheckpoint) when the generation cannot hold the model, saying why.
///   where    what is being written, for the message
NamedTensors generation_state_dict(const NamedTensors& tensors, const ModelConfig& model, const Generation& generation,
                                   const std::string& where);

/// Writes it in the container that the generation's trainer wrote: an OrderedDict with one storage for the tied pair
/// (g1, g2), or a plain dict with two.
///   dtype      of the floating-point tensors in the file; none: as they are
///   tokenizer  the path of the one that belongs to the weights, noted in the file where Python does not look; "": none
/// Throws Error(kStorage), and Error(kCheckpoint) as above.
void write_generation_pth(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                          const Generation& generation, std::optional<at::ScalarType> dtype = {},
                          const std::string& tokenizer = "");

/// What the generation's trainer saved: fp32 (g1, g2) or fp16.
at::ScalarType generation_dtype(const Generation& generation);

/// MiniMind's name of a weights file: pretrain_512_moe.pth.
std::string generation_file_name(const ModelConfig& model);

/// What a reader of that generation has to be told, because no file says it: "num_attention_heads=4
/// rope_theta=10000.0".
/// "" when its own defaults are right.
std::string constants_to_tell(const ModelConfig& model, const Generation& generation);

}  // namespace mm
