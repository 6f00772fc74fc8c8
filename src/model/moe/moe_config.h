// How an MoE feed-forward routes, balances and is built: the settings of the `model` section that dense models lack.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/config/config.h"

namespace mm {

/// Routed and shared experts. Names are Hugging Face's, MiniMind's or DeepSeek's where they have one; see `visit` for
/// ranges and units, docs/routing.md for the formulas.
struct MoeConfig {
  int64_t num_experts = 4;
  int64_t num_experts_per_tok = 2;
  std::optional<int64_t> moe_intermediate_size;  ///< null: the dense width
  int64_t first_k_dense_replace = 0;             ///< layers before the first router: ModelConfig::is_moe_layer()
  int64_t n_shared_experts = 0;
  std::optional<int64_t> shared_expert_intermediate_size;  ///< null: moe_intermediate_size
  bool shared_expert_gate = false;

  std::string scoring_func = "softmax";
  int64_t router_hidden_size = 0;
  double router_jitter = 0.0;
  int64_t n_group = 1;
  int64_t topk_group = 1;
  bool norm_topk_prob = true;
  /// Divide the single weight of a top-1 router by itself, as MiniMind-3 does: the weight is then always 1,
  /// and the language-model loss sends the router no gradient.
  bool norm_top1_prob = false;
  double routed_scaling_factor = 1.0;
  double capacity_factor = 0.0;
  bool force_uniform_routing = false;

  std::string aux_loss = "token";
  double router_aux_loss_coef = 0.01;
  double router_z_loss_coef = 0.0;
  std::string balance = "none";
  double router_bias_update_rate = 1e-3;
  double router_bias_smoothing = 0.5;
  bool fp16_expert_output = false;

  /// Whether a token may choose only among the experts of its best groups.
  bool limits_groups() const { return topk_group < n_group; }
  /// Whether the chosen weights are divided by their sum.
  bool normalises_weights() const { return norm_topk_prob && (num_experts_per_tok > 1 || norm_top1_prob); }
  /// Whether a bias per expert is added to the scores when experts are chosen.
  bool has_router_bias() const { return balance != "none"; }

  void visit(Fields& fields);
};

/// Gives every width that is null its value; `dense_width` is that of experts.
void derive_widths(MoeConfig& config, int64_t dense_width);

/// Checks, widths derived, what no single range can.
///   where  the config file's name, for the messages
void check_moe(const MoeConfig& config, const std::string& where, Problems& problems);

}  // namespace mm
