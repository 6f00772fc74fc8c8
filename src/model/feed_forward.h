// The dense feed-forward.
#pragma once

#include <ATen/core/Tensor.h>

#include "model/weights.h"

namespace mm {

/// down(silu(gate(x)) * up(x)), then dropout. x_nd [tokens, d] -> [tokens, d].
at::Tensor feed_forward(const at::Tensor& x_nd, const FeedForwardWeights& weights, double dropout);

}  // namespace mm
