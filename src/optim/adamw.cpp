// AdamW by ATen's fused kernel, which takes the divisor and the skip flag as tensors: no host sync.
#include "optim/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

namespace mm {

AdamW::AdamW(at::Tensor parameters, at::Tensor gradients, int64_t decayed_end, const OptimConfig& config)
    : config_(config),
      decayed_end_(config.decay == "all" ? parameters.size(0) : decayed_end),
      parameters_(std::move(parameters)),
      gradients_(std::move(gradients)),
      first_moment_(at::zeros_like(parameters_)),
      second_moment_(at::zeros_like(parameters_)),
      updates_(at::zeros({}, parameters_.options())) {}

void AdamW::step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) {
  updates_.add_(1.0 - skip);
  const auto update = [&](int64_t begin, int64_t end, double weight_decay) {
    if (begin == end) return;
    const auto part = [&](const at::Tensor& flat) {
      return std::vector<at::Tensor>{flat.narrow(0, begin, end - begin)};
    };
    at::_fused_adamw_(part(parameters_), part(gradients_), part(first_moment_), part(second_moment_), {}, {updates_},
                      learning_rate, config_.beta1, config_.beta2, weight_decay, config_.eps, /*amsgrad=*/false,
                      /*maximize=*/false, gradient_divisor, skip);
  };
  update(0, decayed_end_, config_.weight_decay);
  update(decayed_end_, parameters_.size(0), 0.0);
}

}  // namespace mm
