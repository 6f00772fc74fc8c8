// The table of balancing losses, and their coefficients.
#include "model/moe/balance/balance.h"

namespace mm {

at::Tensor mean_probabilities(const BalanceInput& input) {
  const at::Tensor counted_n = input.counted_bt.flatten();
  return counted_n.matmul(input.routing.probabilities_ne) / counted_n.sum().clamp_min(1.0);
}

bool has_balance_loss(const MoeConfig& config) {
  return config.aux_loss != "none" && config.router_aux_loss_coef != 0;
}

at::Tensor scaled_balance_loss(const BalanceInput& input, const MoeConfig& config) {
  if (!has_balance_loss(config)) return {};
  const double factor = config.router_aux_loss_coef;
  if (config.aux_loss == "step") return step_balance_loss(input) * factor;
  if (config.aux_loss == "sequence") return sequence_balance_loss(input) * factor;
  if (config.aux_loss == "token_sum") {
    return token_balance_loss(input) * (factor * static_cast<double>(config.num_experts_per_tok));
  }
  return token_balance_loss(input) * factor;
}

double balance_loss_floor(const MoeConfig& config) {
  if (config.aux_loss == "none") return 0;
  const double slots = config.aux_loss == "token_sum" ? static_cast<double>(config.num_experts_per_tok) : 1.0;
  return config.router_aux_loss_coef * slots;
}

at::Tensor scaled_z_loss(const BalanceInput& input, const MoeConfig& config) {
  if (config.router_z_loss_coef == 0) return {};
  return router_z_loss(input) * config.router_z_loss_coef;
}

}  // namespace mm
