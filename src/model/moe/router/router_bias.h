// Balance without a loss: a bias per expert that is added to the scores when experts are chosen, and not to the
// weights. One file for each rule of changing it. Axes: n tokens, l layers, e experts (E of them), m bins; k is top-k.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/moe/moe_config.h"

namespace mm {

/// balance "bias": b_e + u * sign(mean load - load_e), u = router_bias_update_rate, loads counted over the whole
/// optimizer step. An expert at exactly the mean keeps its bias. u is in units of the score, whatever top-k is.
///   bias_le [layers, experts] fp32, expert_tokens_le [layers, experts] int64; returns the next biases
/// Source: Wang et al. 2024, arXiv 2408.15664, algorithm 1.
at::Tensor sign_bias(const at::Tensor& bias_le, const at::Tensor& expert_tokens_le, const MoeConfig& config);

/// Bins of a margin histogram.
inline constexpr int64_t kMarginBins = 1024;

/// For balance "quantile": how many tokens would choose each expert at which bias. A token's cutoff is its (k+1)-th
/// highest biased score: it chooses an expert whose bias exceeds the margin, cutoff - score. Margins lie in
/// [min b - 1, max b + 1] for scores in [0, 1]; that range is cut into equal bins, so counts of micro-batches add up.
///   scores_ne [tokens, experts] fp32 without gradient, bias_e [experts] fp32
///   counted_n [tokens] fp32: 1 where a token counts, 0 on padding
/// Returns [experts, bins] int32.
at::Tensor margin_counts(const at::Tensor& scores_ne, const at::Tensor& bias_e, const at::Tensor& counted_n,
                         int64_t top_k);

/// balance "quantile": the bias at which k/E of the step's tokens would choose the expert, all cutoffs staying where
/// they were: the k/E quantile of the expert's margins, linear within a bin. Biases are shifted to mean 0 over the
/// experts, and b <- s b + (1 - s) quantile with s = router_bias_smoothing, because cutoffs do move. There is no rate
/// to choose: a balanced router gets the bias that it has.
///   bias_le [layers, experts] fp32, margins_lem [layers, experts, bins] as margin_counts() gives them
/// Returns the next biases; those of a layer without tokens stay.
/// Source: Su 2026, "Quantile Balancing", kexue.fm/archives/11619; histograms over the whole step: Kimi K3 technical
/// report, section 2.3.3 and appendix D; smoothing: Megatron-LM.
at::Tensor quantile_bias(const at::Tensor& bias_le, const at::Tensor& margins_lem, const MoeConfig& config);

}  // namespace mm
