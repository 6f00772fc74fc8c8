// The MiniMind generations as a table: what distinguishes the checkpoints that share a file name. No torch.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/model_config.h"

namespace mm {

/// How the keys of a checkpoint are spelt.
enum class KeyNames {
  kMiniMind,     ///< tok_embeddings, attention.wq, feed_forward.w1: MiniMind to April 2025
  kHuggingFace,  ///< model.embed_tokens, self_attn.q_proj, mlp.gate_proj: since then, and Llama, Qwen3, Qwen3-MoE
};

struct Generation {
  std::string_view name;   ///< "g1", "g2", "g3a", "g3b", "g3c", "g4", "g4c"
  std::string_view title;  ///< "MiniMind v1, to 2025-02"
  KeyNames names;
  bool gate_first;          ///< the router stands before the experts in a state dict, hence in AdamW's numbering
  bool fp32_ordered_dict;   ///< as saved: fp32 OrderedDict with metadata and one storage for the tied pair; else fp16
  bool shift_inside_model;  ///< the last column is fed as well, so it counts in the balancing loss
};

/// All of them, oldest first. g0 had the files and the mathematics of g1.
const std::vector<Generation>& generations();

/// Names that options accept: those of the table, and "g0" (g1) and "g3" (g3c) for short.
std::vector<std::string> generation_names();

/// Throws Error(kConfig) for an unknown name, listing the known ones.
///   where  the option or key, for the message
const Generation& find_generation(std::string_view name, std::string_view where);

/// The defaults of the generation's own config class, not resolved: constants that no file holds (rope_theta, eps, head
/// counts, top-k, ...) and the sizes of its smallest published model.
ModelConfig generation_model(const Generation& generation, bool moe);

/// The newest generation whose formulas the resolved `model` follows (rotary layout, q/k-norm, shared experts);
/// constants that a config of that generation could set differently do not matter, but for the one that tells g4 from
/// g4c. "" when none has them.
std::string fitting_generation(const ModelConfig& model);

/// The first setting by which experts are built or chosen otherwise than in any MiniMind generation, with what it does:
/// "groups of experts (model.topk_group)". "" when there is none.
std::string own_routing(const ModelConfig& model);

/// Whether the weight of a token's single expert is its probability, as in g4c. In g4 it is that divided by itself.
bool keeps_raw_top1(const ModelConfig& model);

/// Why a checkpoint of `generation` cannot hold `model`, "" when it can. Differences in constants are no reason.
std::string misfit(const Generation& generation, const ModelConfig& model);

}  // namespace mm
