// Load balance over a whole micro-batch.
#include "model/moe/balance.h"

namespace mm {

at::Tensor token_balance_loss(const BalanceInput& input) {
  const at::Tensor& probabilities_ne = input.routing.probabilities_ne;
  const at::Tensor counted_n = input.counted_bt.flatten();
  const at::Tensor load_e = input.load_be.sum(0);
  const at::Tensor share_e = load_e / load_e.sum().clamp_min(1.0);
  const at::Tensor mean_e = counted_n.matmul(probabilities_ne) / counted_n.sum().clamp_min(1.0);
  return (share_e * mean_e).sum() * static_cast<double>(probabilities_ne.size(1));
}

}  // namespace mm
