// Scalars and counts travel as one fp64 tensor: exact for fp32 values and for counts below 2^53.
#include "train/step_result.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros_like.h>

namespace mm {

void StepResult::read_into(StepRecord& record) const {
  const auto scalar = [&](const at::Tensor& value) { return value.defined() ? value : at::zeros_like(loss); };
  at::Tensor packed =
      at::stack({loss, scalar(balance_loss), scalar(z_loss), grad_norm, skipped, loss_scale}).to(at::kDouble);
  const int64_t scalars = packed.size(0);
  if (expert_tokens_le.defined()) packed = at::cat({packed, expert_tokens_le.flatten().to(at::kDouble)});
  const at::Tensor host = packed.cpu();
  const double* values = host.const_data_ptr<double>();

  record.loss = values[0];
  record.aux_loss = values[1];
  record.z_loss = values[2];
  record.grad_norm = values[3];
  record.skipped = values[4] != 0;
  record.loss_scale = values[5];
  if (expert_tokens_le.defined()) {
    record.load = {expert_tokens_le.size(0), expert_tokens_le.size(1), {values + scalars, values + host.size(0)}};
  }
}

}  // namespace mm
