// Scalars and counts travel as one fp64 tensor: exact for fp32 values and for counts below 2^53.
#include "train/step_result.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

namespace mm {

void StepResult::read_into(StepRecord& record) const {
  const auto scalar = [&](const at::Tensor& value) { return value.defined() ? value : at::zeros_like(loss); };
  std::vector<at::Tensor> scalars = {loss, scalar(balance_loss), scalar(z_loss), grad_norm, skipped, loss_scale};
  const size_t first_micro_step = scalars.size();
  for (const MicroStepResult& micro_step : micro_steps) {
    scalars.push_back(micro_step.loss_sum);
    scalars.push_back(scalar(micro_step.balance_loss));
  }
  std::vector<at::Tensor> parts = {at::stack(scalars).to(at::kDouble)};
  if (expert_tokens_le.defined()) parts.push_back(expert_tokens_le.flatten().to(at::kDouble));
  if (dropped_tokens.defined()) parts.push_back(dropped_tokens.view({1}).to(at::kDouble));
  const at::Tensor host = at::cat(parts).cpu();
  const double* values = host.const_data_ptr<double>();

  record.tokens = targets;
  record.loss = values[0] / weight;
  record.aux_loss = values[1] / weight;
  record.z_loss = values[2] / weight;
  record.grad_norm = values[3];
  record.skipped = values[4] != 0;
  record.loss_scale = values[5];
  for (size_t i = 0; i < micro_steps.size(); ++i) {
    const double* losses = values + first_micro_step + 2 * i;
    // A mean in fp32, as PyTorch logs it.
    const auto mean = static_cast<float>(losses[0] / static_cast<double>(micro_steps[i].targets));
    MicroStepRecord& told = record.micro_steps.emplace_back();
    told.cross_entropy = mean;
    told.aux_loss = losses[1];
  }
  if (expert_tokens_le.defined()) {
    const double* counts = values + scalars.size();
    record.load = {expert_tokens_le.size(0), expert_tokens_le.size(1), {counts, counts + expert_tokens_le.numel()}};
  }
  if (dropped_tokens.defined()) record.dropped_tokens = static_cast<int64_t>(values[host.size(0) - 1]);
}

}  // namespace mm
