// Load balance over a whole optimizer step.
#include "model/moe/balance/balance.h"

namespace mm {

at::Tensor step_balance_loss(const BalanceInput& input) {
  return (input.step_load_e * mean_probabilities(input)).sum() * static_cast<double>(input.step_load_e.size(0));
}

}  // namespace mm
