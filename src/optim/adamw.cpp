// AdamW by ATen's fused kernel, which takes the divisor and the skip flag as tensors: no host sync.
#include "optim/adamw.h"

#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

namespace mm {
namespace {

std::vector<FlatRange> all_of(const at::Tensor& flat, std::vector<FlatRange> ranges) {
  if (ranges.empty()) ranges.push_back({0, flat.size(0)});
  return ranges;
}

at::Tensor moments_of(const std::vector<FlatRange>& ranges, const at::Tensor& like) {
  int64_t elements = 0;
  for (const FlatRange& range : ranges) elements += range.end - range.begin;
  return at::zeros({elements}, like.options());
}

}  // namespace

AdamW::AdamW(at::Tensor parameters, at::Tensor gradients, int64_t decayed_end, const OptimConfig& config,
             std::vector<FlatRange> ranges)
    : config_(config),
      decayed_end_(config.decay == "all" ? parameters.size(0) : decayed_end),
      ranges_(all_of(parameters, std::move(ranges))),
      parameters_(std::move(parameters)),
      gradients_(std::move(gradients)),
      first_moment_(moments_of(ranges_, parameters_)),
      second_moment_(moments_of(ranges_, parameters_)),
      updates_(at::zeros({}, parameters_.options())) {}

void AdamW::step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) {
  updates_.add_(1.0 - skip);
  int64_t moment = 0;  // of the next element
  const auto update = [&](int64_t begin, int64_t end, double weight_decay) {
    if (begin >= end) return;
    const auto part = [&](const at::Tensor& flat, int64_t first) {
      return std::vector<at::Tensor>{flat.narrow(0, first, end - begin)};
    };
    at::_fused_adamw_(part(parameters_, begin), part(gradients_, begin), part(first_moment_, moment),
                      part(second_moment_, moment), {}, {updates_}, learning_rate, config_.beta1, config_.beta2,
                      weight_decay, config_.eps, /*amsgrad=*/false, /*maximize=*/false, gradient_divisor, skip);
    moment += end - begin;
  };
  for (const FlatRange& range : ranges_) {
    update(range.begin, std::min(range.end, decayed_end_), config_.weight_decay);
    update(std::max(range.begin, decayed_end_), range.end, 0.0);
  }
}

std::vector<OptimizerState> AdamW::state() const {
  std::vector<OptimizerState> states;
  const auto add = [&](const char* name, const at::Tensor& moments) {
    int64_t first = 0;
    for (const FlatRange& range : ranges_) {
      const int64_t size = range.end - range.begin;
      states.push_back({name, moments.narrow(0, first, size), range.begin});
      first += size;
    }
  };
  add("exp_avg", first_moment_);
  add("exp_avg_sq", second_moment_);
  states.push_back({"updates", updates_});
  return states;
}

void AdamW::forget(FlatRange elements) {
  for (const OptimizerState& state : this->state()) {
    if (!state.begin) continue;
    const int64_t first = std::max<int64_t>(elements.begin - *state.begin, 0);
    const int64_t last = std::min(elements.end - *state.begin, state.values.size(0));
    if (first < last) state.values.narrow(0, first, last - first).zero_();
  }
}

std::unique_ptr<Optimizer> make_adamw(const OptimConfig& config, at::Tensor parameters, at::Tensor gradients,
                                      const ParameterLayout& layout, std::vector<FlatRange> updated) {
  return std::make_unique<AdamW>(std::move(parameters), std::move(gradients), layout.decayed_end, config,
                                 std::move(updated));
}

OptimizerCost adamw_cost(const OptimConfig&, const ParameterLayout& layout) {
  OptimizerCost cost;
  for (const StoredTensor& stored : layout.stored) cost.state_bytes += 2 * 4 * element_count(stored.shape);
  return cost;
}

}  // namespace mm
