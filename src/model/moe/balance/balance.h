// Losses that keep a router balanced and its logits small, one file each; and the table that chooses among them.
// Axes: b sequences, t time, n = b * t tokens, e experts (E of them), s slots (k of them).
#pragma once

#include <ATen/core/Tensor.h>

#include "model/moe/router/router.h"
#include "ops/documents.h"

namespace mm {

/// What the losses of one layer are computed from.
struct BalanceInput {
  const Routing& routing;
  at::Tensor counted_bt;  ///< [batch, time] fp32, 1 where a token counts, 0 on padding
  at::Tensor load_be;  ///< [batch, experts] fp32: (token, slot) pairs of each sequence, padding excluded; no gradient
  at::Tensor step_load_e = {};  ///< [experts] fp32: shares of the pairs of the last optimizer step; for "step" alone
  const Documents* documents = nullptr;  ///< the sequences of "sequence"; null: each row is one
};

/// P_e: the mean probability of each expert over the counted tokens of the micro-batch, [experts].
at::Tensor mean_probabilities(const BalanceInput& input);

/// E * sum_e f_e * P_e over the counted tokens of the micro-batch, f_e the share of (token, slot) pairs that chose
/// expert e, P_e the mean probability of e. 1 at perfect balance, for any top-k.
/// Source: Switch Transformer, arXiv 2101.03961, eq. 4-6; MiniMind G0-G3 with seq_aux off.
at::Tensor token_balance_loss(const BalanceInput& input);

/// The same within each sequence, averaged over the sequences that have a counted token. 1 at perfect balance.
/// Where documents stand side by side in a row, each of them is a sequence, for it is what the model reads as one; its
/// weight is then the number of its tokens. So a batch has the loss of its documents alone, however they are packed,
/// and a document of three tokens, which cannot be balanced, weighs little.
/// Source: DeepSeek-V2, arXiv 2405.04434; MiniMind G0-G3 with seq_aux on.
at::Tensor sequence_balance_loss(const BalanceInput& input);

/// E * sum_e f_e * P_e with f_e counted over the whole optimizer step, so that a micro-batch of one kind of text may
/// use some experts more than others. 1 at perfect balance, for any top-k. The gradient of a micro-batch needs f_e
/// before later ones are routed, so f_e is that of the previous step (1/E before the first). With it the mean of this
/// loss over the micro-batches is exactly the loss of the step, however the step is cut into micro-batches of equal
/// counts: 8 of 1 give the gradient of 1 of 8. Not exact is f_e itself, one step old. Source: Qiu et al. 2025, arXiv
/// 2501.11873, who add up counts while a step goes on instead.
at::Tensor step_balance_loss(const BalanceInput& input);

/// mean over the counted tokens of logsumexp(logits)^2. Source: ST-MoE, arXiv 2202.08906, eq. 5.
at::Tensor router_z_loss(const BalanceInput& input);

/// Whether a loss keeps the load even.
bool has_balance_loss(const MoeConfig& config);

/// The configured balancing loss of one layer times router_aux_loss_coef; undefined when there is none.
/// `token_sum` is the token loss summed over the top-k slots (k at perfect balance), as MiniMind G4 has it.
at::Tensor scaled_balance_loss(const BalanceInput& input, const MoeConfig& config);

/// What scaled_balance_loss() is when the load is even; 0 when there is none.
double balance_loss_floor(const MoeConfig& config);

/// router_z_loss times router_z_loss_coef; undefined when the factor is 0.
at::Tensor scaled_z_loss(const BalanceInput& input, const MoeConfig& config);

}  // namespace mm
