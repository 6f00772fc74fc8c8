// Quantile balancing: from the scores of a step straight to the biases that would have balanced it.
#include <ATen/ops/arange.h>
#include <ATen/ops/nan_to_num.h>
#include <ATen/ops/topk.h>
#include <ATen/ops/zeros.h>

#include "model/moe/router/router_bias.h"

namespace mm {
namespace {

constexpr auto kBins = static_cast<double>(kMarginBins);

/// The bins of the histograms made with these biases; the last axis of `bias` is experts.
struct Bins {
  explicit Bins(const at::Tensor& bias)
      : lowest(bias.amin(-1, true) - 1.0), width((bias.amax(-1, true) + 1.0 - lowest) / kBins) {}

  at::Tensor lowest, width;
};

}  // namespace

at::Tensor margin_counts(const at::Tensor& scores_ne, const at::Tensor& bias_e, const at::Tensor& counted_n,
                         int64_t top_k) {
  const int64_t experts = scores_ne.size(1);
  const at::Tensor cutoff_n1 = std::get<0>((scores_ne + bias_e).topk(top_k + 1)).amin(-1, true);
  const Bins bins(bias_e);
  // A router that is not finite must not index beyond the histogram; its step is skipped.
  const at::Tensor position_ne = at::nan_to_num((cutoff_n1 - scores_ne - bins.lowest) / bins.width);
  const at::Tensor bin_ne = position_ne.floor().clamp(0.0, kBins - 1.0).to(at::kLong);
  const at::Tensor first_e = at::arange(experts, bin_ne.options()) * kMarginBins;
  const at::Tensor counted_ne = counted_n.to(at::kInt).unsqueeze(1).expand_as(bin_ne);
  return at::zeros({experts * kMarginBins}, counted_ne.options())
      .scatter_add_(0, (bin_ne + first_e).flatten(), counted_ne.flatten())
      .view({experts, kMarginBins});
}

at::Tensor quantile_bias(const at::Tensor& bias_le, const at::Tensor& margins_lem, const MoeConfig& config) {
  const Bins bins(bias_le);
  const at::Tensor through_lem = margins_lem.cumsum(-1, at::kLong);
  const at::Tensor tokens_le = through_lem.select(-1, kMarginBins - 1);
  const at::Tensor wanted_le = tokens_le.to(at::kDouble) *
                               (static_cast<double>(config.num_experts_per_tok) / static_cast<double>(bias_le.size(1)));

  const at::Tensor bin_le1 = (through_lem < wanted_le.unsqueeze(-1)).sum(-1, true);
  const at::Tensor inside_le = margins_lem.gather(-1, bin_le1).squeeze(-1);
  const at::Tensor before_le = through_lem.gather(-1, bin_le1).squeeze(-1) - inside_le;
  const at::Tensor position_le = bin_le1.squeeze(-1) + (wanted_le - before_le) / inside_le.clamp_min(1);
  const at::Tensor quantile_le = bins.lowest + bins.width * position_le.to(at::kFloat);
  const at::Tensor centred_le = quantile_le - quantile_le.mean(-1, true);
  return bias_le.lerp(centred_le, 1.0 - config.router_bias_smoothing).where(tokens_le > 0, bias_le);
}

}  // namespace mm
