// Causal self-attention.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/rotary.h"

namespace mm {

/// softmax(q k^T / sqrt(head_dim)) v over the earlier positions of the same sequence; query head h reads key/value head
/// h * kv_heads / heads. Returns [batch, time, heads * head_dim].
///   dropout  probability on the attention weights; draws from the default generator
at::Tensor causal_attention(const Heads& heads, double dropout);

}  // namespace mm
