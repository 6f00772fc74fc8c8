// The dense feed-forward: two products around SwiGLU.
#include "model/feed_forward.h"

#include <ATen/ops/dropout.h>

#include "ops/linear.h"
#include "ops/swiglu.h"

namespace mm {

at::Tensor feed_forward(const at::Tensor& x_nd, const FeedForwardWeights& weights, double dropout) {
  const at::Tensor out_nd = mm::linear(swiglu(mm::linear(x_nd, weights.gate_up)), weights.down);
  return dropout > 0 ? at::dropout(out_nd, dropout, true) : out_nd;
}

}  // namespace mm
