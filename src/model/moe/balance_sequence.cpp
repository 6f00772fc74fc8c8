// Load balance within each sequence.
#include "model/moe/balance.h"

namespace mm {

at::Tensor sequence_balance_loss(const BalanceInput& input) {
  const int64_t batch = input.counted_bt.size(0), time = input.counted_bt.size(1);
  const int64_t experts = input.routing.probabilities_ne.size(1);
  const at::Tensor probabilities_bte = input.routing.probabilities_ne.view({batch, time, experts});
  const at::Tensor counted_b = input.counted_bt.sum(1, true);
  const at::Tensor share_be = input.load_be / input.load_be.sum(1, true).clamp_min(1.0);
  const at::Tensor mean_be = (probabilities_bte * input.counted_bt.unsqueeze(-1)).sum(1) / counted_b.clamp_min(1.0);
  const at::Tensor sequences = (counted_b > 0).sum().clamp_min(1);
  return (share_be * mean_be).sum() * static_cast<double>(experts) / sequences;
}

}  // namespace mm
