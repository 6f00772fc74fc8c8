// The classes of transformers that compute our models as they are, and their config.json. No torch.
#pragma once

#include <string>

#include "model/model_config.h"

namespace mm {

/// Each of them exists in transformers 4.57 and 5.
enum class HuggingFaceClass {
  kLlama,      ///< dense
  kQwen3,      ///< dense with q/k-norm
  kQwen3Moe,   ///< q/k-norm, softmax scores, no shared experts
  kQwen2Moe,   ///< no q/k-norm, softmax scores, one shared expert behind a gate
  kQwen3Next,  ///< q/k-norm, softmax scores, one shared expert behind a gate; a gate on attention as well
  kGlm4Moe,    ///< sigmoid scores with a bias for the choice, plain shared experts, groups; q/k-norm or none
};

/// "Qwen2MoeForCausalLM".
std::string architecture_of(HuggingFaceClass target);

/// Which form a model takes elsewhere, or why there is none.
template <class Form>
struct Fitting {
  Form form = {};
  std::string obstacle = {};  ///< "" when the form holds the model, else what is in the way, with its setting

  bool fits() const { return obstacle.empty(); }
};

/// The class that holds the resolved `model` exactly. What it has beyond the model is neutral: a shared expert of
/// zeros, gates that are open by half in front of doubled matrices, biases of 0 (huggingface_tensors.h).
Fitting<HuggingFaceClass> huggingface_class(const ModelConfig& model);

/// Width of the shared network that the class is given: joined shared experts, or one of zeros where the model has none
/// and the class needs one.
int64_t exported_shared_width(const ModelConfig& model, HuggingFaceClass target);

/// The special tokens of an exported model.
struct SpecialTokens {
  int64_t bos = 1;
  int64_t eos = 2;
  int64_t pad = 0;
};

/// config.json, read alike by transformers 4.57 and 5.
///   dtype          "float32", "float16" or "bfloat16": of the weights beside it
///   max_positions  the longest sequence that the model was trained on
std::string write_huggingface_config(const ModelConfig& model, HuggingFaceClass target, const std::string& dtype,
                                     const SpecialTokens& tokens, int64_t max_positions);

/// generation_config.json with the special tokens.
std::string write_generation_config(HuggingFaceClass target, const SpecialTokens& tokens);

}  // namespace mm
