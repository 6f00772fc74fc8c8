// From joined projections to the heads of attention: split, norm of queries and keys, rotary positions.
// Axes: b batch, t time, h query heads, k key/value heads, c features of one head, f = c / 2.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// Which features turn together.
enum class RopeLayout {
  kInterleaved,  ///< (2i, 2i + 1)       MiniMind G0-G2
  kHalfSplit,    ///< (i, i + c / 2)     MiniMind G3-G4, Llama, Qwen3
};

/// YaRN. A pair that turns more than beta_fast times in `original_length` keeps its frequency, one that turns less than
/// beta_slow times has it divided by `factor`, those between lie between in proportion to their number.
/// Source: Peng et al. 2023, arXiv 2309.00071, with whole numbers for the ends of the ramp as in its own code.
struct RopeScaling {
  double factor = 1;  ///< 1: frequencies stay
  double original_length = 0;
  double beta_fast = 32;
  double beta_slow = 1;
  double attention_factor = 1;  ///< on cosine and sine, so that scores grow by its square
};

/// Cosine and sine of t * theta^(-2i/c), scaled, [time, c / 2] fp32.
struct RopeTable {
  at::Tensor cosine_tf;
  at::Tensor sine_tf;
};
RopeTable make_rope_table(int64_t time, int64_t head_dim, double theta, at::Device device,
                          const RopeScaling& scaling = {});

struct HeadOptions {
  int64_t heads = 0;
  int64_t key_value_heads = 0;
  int64_t head_dim = 0;
  double norm_eps = 0;
  RopeLayout layout = RopeLayout::kHalfSplit;
};

struct Heads {
  at::Tensor q_bthc;
  at::Tensor k_btkc;
  at::Tensor v_btkc;
};

/// Splits each row of `qkv` into query, key and value heads, normalises query and key heads (where norms are given) and
/// turns them by their position in the sequence.
///   qkv_btw [batch, time, (heads + 2 * key_value_heads) * head_dim]; q_norm_c, k_norm_c [head_dim] fp32 or undefined;
///   the table has at least `time` rows.
/// Source: Su et al. 2021, arXiv 2104.09864.
Heads rotary_heads(const at::Tensor& qkv_btw, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                   const RopeTable& table, const HeadOptions& options);

namespace reference {
Heads rotary_heads(const at::Tensor& qkv_btw, const at::Tensor& q_norm_c, const at::Tensor& k_norm_c,
                   const RopeTable& table, const HeadOptions& options);
}  // namespace reference

}  // namespace mm
