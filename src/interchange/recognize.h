// What the keys and shapes of a checkpoint say about the model in it, and what they cannot say. No torch.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "interchange/config/generation.h"

namespace mm {

struct NamedShape {
  std::string name;
  std::vector<int64_t> shape;
};

/// A model setting that shapes decide, with its value as JSON: nothing else can be true of the file.
struct ShapeFact {
  std::string key;
  std::string value;
};

struct Recognized {
  const Generation* generation = nullptr;
  bool assumed = false;          ///< nobody named the generation
  ModelConfig model;             ///< the generation's defaults and, over them, the facts; not resolved
  std::vector<ShapeFact> facts;  ///< settings read off the shapes
  int64_t attention_width = 0;   ///< rows of q_proj: num_attention_heads * head_dim
  int64_t key_value_width = 0;   ///< rows of k_proj: num_key_value_heads * head_dim
};

/// Recognises a model from its tensors.
///   tensors         Hugging Face names, one tensor per expert; the head only when it is not tied
///   minimind_names  the file spelt them in MiniMind's old way
///   given           the generation, when the user knows better; else: old names with half as many key/value rows as
///                   hidden_size are g1, other old names g2, q/k-norm g4, the rest g3c
///   file            for messages
/// Throws Error(kCheckpoint) when the tensors are not those of a language model that we know, naming what is missing.
Recognized recognize(const std::vector<NamedShape>& tensors, bool minimind_names, const Generation* given,
                     const std::string& file);

/// Makes the head counts of `model` agree with the widths in the file, where only their ratio can be read off: the
/// key/value heads and the head width follow from num_attention_heads.
///   keep_key_value_heads  the user named them
void settle_heads(const Recognized& file, bool keep_key_value_heads, ModelConfig& model);

/// A resolved model and where it comes from: "config.json", "--set".
struct ModelSource {
  std::string name;
  ModelConfig model;
};

/// Throws Error(kCheckpoint) when the last of `sources` contradicts the shapes: one line for each setting, with the
/// value of every source.
void check_facts(const Recognized& recognized, const std::vector<ModelSource>& sources, const std::string& file);

}  // namespace mm
