// Writing a model for other programs: safetensors, and folders that transformers opens as they are.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/named_tensors.h"
#include "interchange/huggingface_class.h"

namespace mm {

/// What goes along with a model besides its weights.
struct Origin {
  std::string tokenizer;        ///< path of a tokenizer.json or .model, "" when there is none
  int64_t sequence_length = 0;  ///< that it was trained with, 0 when unknown
};

/// The longest sequence that such a model can be told to take: what it was trained with, or what MiniMind's own configs
/// say where nobody knows.
int64_t positions_of(const Origin& origin, const ModelConfig& model);

/// "fp32", "fp16", "bf16"; nothing for "keep". Throws Error(kConfig) for other words.
std::optional<at::ScalarType> parse_dtype(const std::string& word);

/// The tensors in `dtype`, as they are where they have it already; those that stay fp32 in transformers stay so. Throws
/// Error(kCheckpoint) for a finite value that the dtype cannot hold (fp16 ends at 65504).
///   where  what is being written, for the message
NamedTensors in_dtype(const NamedTensors& tensors, std::optional<at::ScalarType> dtype, const std::string& where);

/// A safetensors file with the model section in its metadata, so that it can be read back without a word.
///   tensors  Hugging Face names, rotary layout of `model`
void write_model_safetensors(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                             const Origin& origin = {});

/// `folder` with config.json, generation_config.json, model.safetensors and the tokenizer, as the class of transformers
/// that huggingface_class() names; whole or not there (WholeFolder). A folder that is there gets those files and keeps
/// its others; until they are all written, it is as it was.
///   dtype  of the weights; none: as they are
/// Throws Error(kCheckpoint) for a model that no class computes, saying why; Error(kData), Error(kStorage).
void write_huggingface_folder(const std::string& folder, const NamedTensors& tensors, const ModelConfig& model,
                              std::optional<at::ScalarType> dtype = {}, const Origin& origin = {});

}  // namespace mm
