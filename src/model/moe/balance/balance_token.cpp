// Load balance over a whole micro-batch.
#include "model/moe/balance/balance.h"

namespace mm {

at::Tensor token_balance_loss(const BalanceInput& input) {
  const at::Tensor load_e = input.load_be.sum(0);
  const at::Tensor share_e = load_e / load_e.sum().clamp_min(1.0);
  return (share_e * mean_probabilities(input)).sum() * static_cast<double>(share_e.size(0));
}

}  // namespace mm
