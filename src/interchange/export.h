// Writing a model for other programs: safetensors, and folders that transformers opens as they are.
#pragma once

#include <optional>
#include <string>

#include "checkpoint/named_tensors.h"
#include "interchange/huggingface_config.h"

namespace mm {

/// "fp32", "fp16", "bf16"; nothing for "keep". Throws Error(kConfig) for other words.
std::optional<at::ScalarType> parse_dtype(const std::string& word);

/// The tensors in `dtype`, as they are where they have it already. Throws Error(kCheckpoint) for a finite value that
/// the dtype cannot hold (fp16 ends at 65504).
///   where  what is being written, for the message
NamedTensors in_dtype(const NamedTensors& tensors, std::optional<at::ScalarType> dtype, const std::string& where);

/// A safetensors file with the model section in its metadata, so that it can be read back without a word.
///   tensors  Hugging Face names, rotary layout of `model`
void write_model_safetensors(const std::string& path, const NamedTensors& tensors, const ModelConfig& model);

/// `folder` with config.json, generation_config.json and model.safetensors, as Llama, Qwen3 or Qwen3-MoE; whole or not
/// there (WholeFolder). A folder that is there gets those files and keeps its others; until they are all written, it is
/// as it was.
///   tokenizer_json  copied there, with a tokenizer_config.json that transformers 4.57 and 5 read alike: that beside
///   it,
///                   without a space before the text (MiniMind v1 asked for one that its own code never put there);
///                   "": none
/// Throws Error(kCheckpoint) for a model that none of them computes, saying why; Error(kData), Error(kStorage).
void write_huggingface_folder(const std::string& folder, const NamedTensors& tensors, const ModelConfig& model,
                              const SpecialTokens& tokens, const std::string& tokenizer_json = "");

}  // namespace mm
