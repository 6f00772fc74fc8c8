// The router z-loss.
#include <ATen/ops/logsumexp.h>

#include "model/moe/balance/balance.h"

namespace mm {

at::Tensor router_z_loss(const BalanceInput& input) {
  const at::Tensor counted_n = input.counted_bt.flatten();
  const at::Tensor squared_n = input.routing.logits_ne.logsumexp(-1).square();
  return squared_n.dot(counted_n) / counted_n.sum().clamp_min(1.0);
}

}  // namespace mm
