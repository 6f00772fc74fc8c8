// The initialisations of MiniMind's generations and ours: one rule per kind of tensor.
#include "model/parameters/init.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>

#include <cmath>

#include "core/random.h"

namespace mm {
namespace {

/// A normal of standard deviation `standard_deviation`, or uniform in [-bound, bound] where that is positive.
struct InitRule {
  double standard_deviation = 0;
  double bound = 0;
};

bool is_residual_output(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
}

/// MiniMind v1 scales every name that ends in `wo.weight` or `w3.weight`; w3 is the up projection.
bool is_scaled_by_minimind_v1(const std::string& name) {
  return name.ends_with("o_proj.weight") || name.ends_with("up_proj.weight");
}

InitRule rule_of(const NamedSlice& slice, const ModelConfig& config) {
  const double range = config.initializer_range;
  const double scaled = range / std::sqrt(2.0 * static_cast<double>(config.num_hidden_layers));
  // PyTorch's default for a Linear: U(+-1 / sqrt(fan in)).
  const double default_bound = 1.0 / std::sqrt(static_cast<double>(slice.shape.back()));
  if (config.initialization == "uniform") return {.bound = default_bound};
  if (config.initialization == "scaled_normal") return {is_residual_output(slice.name) ? scaled : range};
  if (config.initialization == "minimind_v1") {
    if (slice.kind == ParameterKind::kGate) return {.bound = default_bound};
    return {is_scaled_by_minimind_v1(slice.name) ? scaled : range};
  }
  return {range};
}

}  // namespace

void initialize(Parameters& parameters, const ModelConfig& config, uint64_t seed) {
  const std::vector<NamedSlice>& slices = parameters.layout().named;
  const auto tensors = parameters.named(parameters.master());
  for (size_t i = 0; i < slices.size(); ++i) {
    if (slices[i].kind == ParameterKind::kVector) {
      tensors[i].second.fill_(1.0);
      continue;
    }
    const InitRule rule = rule_of(slices[i], config);
    auto generator = at::detail::createCPUGenerator(derive_seed(seed, "initialization " + slices[i].name));
    at::Tensor values = at::empty(slices[i].shape, at::TensorOptions().dtype(at::kFloat));
    if (rule.bound > 0) {
      values.uniform_(-rule.bound, rule.bound, generator);
    } else {
      values.normal_(0.0, rule.standard_deviation, generator);
    }
    tensors[i].second.copy_(values);
  }
  parameters.refresh_shadow();
}

}  // namespace mm
