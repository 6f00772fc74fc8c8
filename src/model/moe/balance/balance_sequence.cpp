// Load balance within each sequence.
#include <ATen/ops/zeros.h>

#include "model/moe/balance/balance.h"

namespace mm {
namespace {

/// sum over documents d of n_d / N * E * sum_e f_de P_de, with P_de the mean of p_ne over the n_d tokens of d, is
/// E / N * sum over tokens of sum_e f_de p_ne: no sums of probabilities by document, which would be atomic on a GPU.
at::Tensor document_balance_loss(const BalanceInput& input, const Documents& side_by_side) {
  const at::Tensor& document_n = side_by_side.document_n;
  const at::Tensor counted_n = input.counted_bt.flatten();
  const int64_t documents = side_by_side.ends_s.size(0) - 1;
  const int64_t experts = input.routing.probabilities_ne.size(1);

  const at::Tensor cell_ns = document_n.unsqueeze(1) * experts + input.routing.experts_ns;
  const at::Tensor counted_ns = counted_n.unsqueeze(1).expand_as(cell_ns);
  // Whole numbers below 2^24: exact in any order.
  const at::Tensor load_de = at::zeros({documents * experts}, counted_n.options())
                                 .scatter_add_(0, cell_ns.flatten(), counted_ns.reshape({-1}))
                                 .view({documents, experts});
  const at::Tensor share_de = load_de / load_de.sum(1, true).clamp_min(1.0);
  const at::Tensor loss_n = (share_de.index_select(0, document_n) * input.routing.probabilities_ne).sum(1);
  return loss_n.dot(counted_n) * static_cast<double>(experts) / counted_n.sum().clamp_min(1.0);
}

}  // namespace

at::Tensor sequence_balance_loss(const BalanceInput& input) {
  if (input.documents != nullptr) return document_balance_loss(input, *input.documents);
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
