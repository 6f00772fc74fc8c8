// Attention is ATen's fused kernel; this file only brings the heads into its layout.
#include "ops/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

namespace mm {

at::Tensor causal_attention(const Heads& heads, double dropout) {
  const bool grouped = heads.q_bthc.size(2) != heads.k_btkc.size(2);
  const at::Tensor out_bhtc = at::scaled_dot_product_attention(
      heads.q_bthc.transpose(1, 2), heads.k_btkc.transpose(1, 2), heads.v_btkc.transpose(1, 2), std::nullopt, dropout,
      true, std::nullopt, grouped);
  return out_bhtc.transpose(1, 2).flatten(2);
}

}  // namespace mm
