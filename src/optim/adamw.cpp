// Which part of the buffers is what, range by range.
#include "optim/adamw.h"

#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ops/update/adamw_update.h"

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

AdamW::AdamW(FlatBuffers buffers, int64_t decayed_end, const OptimConfig& config, std::vector<FlatRange> ranges)
    : config_(config),
      decayed_end_(config.decay == "all" ? buffers.parameters.size(0) : decayed_end),
      ranges_(all_of(buffers.parameters, std::move(ranges))),
      buffers_(std::move(buffers)),
      first_moment_(moments_of(ranges_, buffers_.parameters)),
      second_moment_(moments_of(ranges_, buffers_.parameters)),
      updates_(at::zeros({}, buffers_.parameters.options())) {}

void AdamW::step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) {
  updates_.add_(1.0 - skip);
  const AdamWNumbers numbers = {.learning_rate = learning_rate,
                                .beta1 = config_.beta1,
                                .beta2 = config_.beta2,
                                .eps = config_.eps,
                                .weight_decay = config_.weight_decay};
  int64_t moment = 0;  // of the next element
  for (const FlatRange& range : ranges_) {
    const int64_t size = range.end - range.begin;
    const at::Tensor& shadow = buffers_.shadow;
    adamw_update({.parameters = buffers_.parameters.narrow(0, range.begin, size),
                  .gradients = buffers_.gradients.narrow(0, range.begin, size),
                  .first_moment = first_moment_.narrow(0, moment, size),
                  .second_moment = second_moment_.narrow(0, moment, size),
                  .shadow = shadow.defined() ? shadow.slice(0, range.begin, range.end) : shadow,
                  .decayed = std::clamp<int64_t>(decayed_end_ - range.begin, 0, size)},
                 numbers, gradient_divisor, skip, updates_);
    moment += size;
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

std::unique_ptr<Optimizer> make_adamw(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                      std::vector<FlatRange> updated) {
  return std::make_unique<AdamW>(std::move(buffers), layout.decayed_end, config, std::move(updated));
}

OptimizerCost adamw_cost(const OptimConfig&, const ParameterLayout& layout) {
  OptimizerCost cost;
  for (const StoredTensor& stored : layout.stored) cost.state_bytes += 2 * 4 * element_count(stored.shape);
  return cost;
}

}  // namespace mm
