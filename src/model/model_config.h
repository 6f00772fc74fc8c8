// The shape of a model: every option that distinguishes MiniMind's generations, and our own. No torch.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/config.h"
#include "model/moe/moe_config.h"
#include "model/rope_scaling_config.h"

namespace mm {

/// A decoder-only transformer. After `resolve_model` every optional has its value.
struct ModelConfig {
  std::string model_type = "dense";
  int64_t vocab_size = 6400;
  int64_t hidden_size = 512;
  int64_t num_hidden_layers = 8;
  int64_t num_attention_heads = 8;
  int64_t num_key_value_heads = 2;
  std::optional<int64_t> head_dim;           ///< null: hidden_size / num_attention_heads
  std::optional<int64_t> intermediate_size;  ///< null: from hidden_size by `intermediate_rule`
  std::string intermediate_rule = "8/3";
  std::string rope_layout = "half_split";
  double rope_theta = 1e6;
  RopeScalingConfig rope_scaling;
  double rms_norm_eps = 1e-5;
  std::string norm_rounding = "before_weight";
  bool qk_norm = false;
  bool tie_word_embeddings = true;
  double dropout = 0.0;
  bool ffn_dropout = true;  ///< G4 has no dropout behind the feed-forward
  std::string initialization = "normal";
  double initializer_range = 0.02;
  MoeConfig moe;

  bool is_moe() const { return model_type == "moe"; }
  /// Whether the feed-forward of a layer is routed; layers are counted from 0, over the whole model, everywhere.
  bool is_moe_layer(int64_t layer) const { return is_moe() && layer >= moe.first_k_dense_replace; }
  /// How many are, the last ones.
  int64_t moe_layers() const { return is_moe() ? num_hidden_layers - moe.first_k_dense_replace : 0; }
  int64_t attention_width() const { return num_attention_heads * *head_dim; }
  int64_t key_value_width() const { return num_key_value_heads * *head_dim; }
  /// Width of one expert (MoE) or of the feed-forward (dense); dense layers of an MoE model have intermediate_size.
  int64_t expert_width() const { return is_moe() ? *moe.moe_intermediate_size : *intermediate_size; }

  /// Whether a forward pass in training draws random numbers.
  bool is_random_in_training() const { return dropout > 0 || (is_moe() && moe.router_jitter > 0); }

  void visit(Fields& fields);
};

/// Fills in derived values and checks what no single range can: heads that divide, top-k within the experts, ...
/// `where` is the config file's name, for the messages.
void resolve_model(ModelConfig& config, const std::string& where, Problems& problems);

}  // namespace mm
