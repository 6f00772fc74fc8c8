// Attention is ATen's fused kernel; this file only brings the heads into its layout.
#include "ops/attention.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/scaled_dot_product_attention.h>

namespace mm {

at::Tensor causal_attention(const Heads& heads, double dropout) {
  const bool grouped = heads.q_bthc.size(2) != heads.k_btkc.size(2);
  const at::Tensor out_bhtc = at::scaled_dot_product_attention(
      heads.q_bthc.transpose(1, 2), heads.k_btkc.transpose(1, 2), heads.v_btkc.transpose(1, 2), std::nullopt, dropout,
      true, std::nullopt, grouped);
  return out_bhtc.transpose(1, 2).flatten(2);
}

at::Tensor attention_to_all(const at::Tensor& q_bthc, const at::Tensor& k_bksc, const at::Tensor& v_bksc) {
  const int64_t batch = q_bthc.size(0), time = q_bthc.size(1), width = q_bthc.size(3);
  const int64_t groups = k_bksc.size(1), group = q_bthc.size(2) / groups, positions = k_bksc.size(2);
  // The queries of one key/value head become rows of one head: no copy of keys and values for each of them.
  const at::Tensor rows_bkgtc =
      q_bthc.view({batch, time, groups, group, width}).permute({0, 2, 3, 1, 4}).reshape({batch, groups, -1, width});
  std::optional<at::Tensor> seen;
  if (time > 1) {
    const at::Tensor seen_ts = at::ones({time, positions}, q_bthc.options().dtype(at::kBool)).tril(positions - time);
    seen = seen_ts.repeat({group, 1});
  }
  const at::Tensor out_bkrc = at::scaled_dot_product_attention(rows_bkgtc, k_bksc, v_bksc, seen);
  return out_bkrc.view({batch, groups, group, time, width}).permute({0, 3, 1, 2, 4}).reshape({batch, time, -1});
}

}  // namespace mm
