// Loss-free balancing: a fixed step towards the mean load.
#include "model/moe/router/router_bias.h"

namespace mm {

at::Tensor sign_bias(const at::Tensor& bias_le, const at::Tensor& expert_tokens_le, const MoeConfig& config) {
  // Whole numbers on both sides: rounding cannot tell an expert at the mean from its neighbours.
  const at::Tensor missing_le = expert_tokens_le.sum(1, true) - expert_tokens_le * expert_tokens_le.size(1);
  return bias_le + config.router_bias_update_rate * missing_le.sign().to(at::kFloat);
}

}  // namespace mm
