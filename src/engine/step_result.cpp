// Scalars and counts travel as one fp64 tensor: exact for fp32 values and for counts below 2^53.
#include "engine/step_result.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>
#include <numeric>
#include <span>

#include "engine/device/host_values.h"

namespace mm {
namespace {

/// Sums over tokens to means: every counted token is in `load` once for each of its slots.
void read_router_sums(std::span<const double> sums, int64_t slots, StepRecord& record) {
  const ExpertLoad& load = record.load;
  const auto experts = static_cast<size_t>(load.experts);
  for (int64_t layer = 0; layer < load.layers; ++layer) {
    double pairs = 0;
    for (int64_t expert = 0; expert < load.experts; ++expert) pairs += static_cast<double>(load.at(layer, expert));
    const double tokens = std::max(pairs / static_cast<double>(slots), 1.0);
    const auto of_layer = sums.subspan(static_cast<size_t>(layer) * 2 * experts, 2 * experts);
    const auto total = [&](size_t row) {
      const auto values = of_layer.subspan(row * experts, experts);
      return std::accumulate(values.begin(), values.end(), 0.0);
    };
    record.router.token_entropy.push_back(total(0) / tokens);
    record.router.logit_size.push_back(total(1) / tokens / static_cast<double>(experts));
  }
}

}  // namespace

void StepResult::combine(const World& world) {
  std::vector<at::Tensor*> parts;
  std::vector<at::Tensor> values;
  for (at::Tensor* part :
       {&loss, &balance_loss, &z_loss, &expert_tokens_le, &dropped_tokens, &router_sums_lqe, &margins_lem}) {
    if (!part->defined()) continue;
    parts.push_back(part);
    values.push_back(part->flatten().to(at::kDouble));
  }
  const at::Tensor sums = at::cat(values);
  world.all_reduce(sums);
  int64_t next = 0;
  for (at::Tensor* part : parts) {
    *part = sums.narrow(0, next, part->numel()).view(part->sizes()).to(part->scalar_type());
    next += part->numel();
  }
  // The host's own numbers, which it wants now: they do not go by way of the device.
  const at::Tensor counts = at::tensor({targets, positions});
  world.all_reduce(counts);
  targets = counts[0].item<int64_t>();
  positions = counts[1].item<int64_t>();
}

void StepResult::read_into(StepRecord& record) const {
  const auto scalar = [&](const at::Tensor& value) { return value.defined() ? value : at::zeros_like(loss); };
  std::vector<at::Tensor> scalars = {loss, scalar(balance_loss), scalar(z_loss), grad_norm, skipped, loss_scale};
  const size_t first_micro_step = scalars.size();
  for (const MicroStepResult& micro_step : micro_steps) {
    scalars.push_back(micro_step.loss_sum);
    scalars.push_back(scalar(micro_step.balance_loss));
  }
  std::vector<at::Tensor> parts = {at::stack(scalars).to(at::kDouble)};
  for (const at::Tensor& part : {expert_tokens_le, dropped_tokens, router_sums_lqe, router_bias_le}) {
    if (part.defined()) parts.push_back(part.flatten().to(at::kDouble));
  }
  const std::vector<double> host = host_values(at::cat(parts));
  const double* values = host.data();

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
  const double* next = values + scalars.size();
  const auto take = [&](const at::Tensor& part) {
    const double* first = next;
    if (part.defined()) next += part.numel();
    return std::span(first, next);
  };
  const auto counts = take(expert_tokens_le), dropped = take(dropped_tokens), sums = take(router_sums_lqe),
             bias = take(router_bias_le);
  if (expert_tokens_le.defined()) {
    record.load = {expert_tokens_le.size(0), expert_tokens_le.size(1), {counts.begin(), counts.end()}, first_moe_layer};
  }
  if (!dropped.empty()) record.dropped_tokens = static_cast<int64_t>(dropped[0]);
  if (!sums.empty()) read_router_sums(sums, slots, record);
  record.router.bias.assign(bias.begin(), bias.end());
}

}  // namespace mm
