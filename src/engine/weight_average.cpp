#include "engine/weight_average.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/zeros_like.h>

#include <algorithm>

namespace mm {
namespace {

/// A part at a time, so that no third buffer of that size is needed.
void exchange_values(const at::Tensor& a, const at::Tensor& b) {
  constexpr int64_t kPart = int64_t{1} << 22;
  const at::Tensor flat_a = a.view(-1), flat_b = b.view(-1);
  for (int64_t begin = 0; begin < a.numel(); begin += kPart) {
    const int64_t size = std::min(kPart, a.numel() - begin);
    const at::Tensor part_a = flat_a.narrow(0, begin, size), part_b = flat_b.narrow(0, begin, size);
    const at::Tensor kept = part_a.clone();
    part_a.copy_(part_b);
    part_b.copy_(kept);
  }
}

}  // namespace

void WeightAverage::begin() {
  flat_ = at::zeros_like(parameters_.master());  // what lies between the parameters is 0
  const at::Tensor& bias_le = parameters_.router_state().bias_le;
  if (bias_le.defined()) bias_le_ = at::empty_like(bias_le);
}

void WeightAverage::add() {
  const at::NoGradGuard no_grad;
  const at::Tensor &weights = parameters_.master(), &bias_le = parameters_.router_state().bias_le;
  if (!has_begun()) {
    flat_ = weights.clone();
    if (bias_le.defined()) bias_le_ = bias_le.clone();
    return;
  }
  flat_.lerp_(weights, 1 - decay_);
  if (bias_le_.defined()) bias_le_.lerp_(bias_le, 1 - decay_);
}

std::vector<at::Tensor> WeightAverage::buffers() const {
  return bias_le_.defined() ? std::vector<at::Tensor>{flat_, bias_le_} : std::vector<at::Tensor>{flat_};
}

void WeightAverage::exchange() {
  const at::NoGradGuard no_grad;
  exchange_values(parameters_.master(), flat_);
  if (bias_le_.defined()) exchange_values(parameters_.router_state().bias_le, bias_le_);
  parameters_.refresh_shadow();
}

}  // namespace mm
