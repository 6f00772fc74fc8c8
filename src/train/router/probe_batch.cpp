#include "train/router/probe_batch.h"

#include <ATen/ops/full.h>

#include <algorithm>

namespace mm {
namespace {

constexpr int64_t kProbeTokens = 1024;

}  // namespace

int64_t probe_sequences(const RunConfig& config) {
  return std::clamp<int64_t>(kProbeTokens / config.data.sequence_length, 1, config.train.micro_batch);
}

std::vector<int64_t> probe_windows(const RunConfig& config, int64_t windows) {
  const int64_t count = probe_sequences(config);
  std::vector<int64_t> chosen;
  for (int64_t i = 0; i < count; ++i) chosen.push_back(i * windows / count);
  return chosen;
}

at::Tensor unknown_probe_experts(const RunConfig& config, int64_t sequence_length, at::Device device) {
  if (!config.model.is_moe()) return {};
  const int64_t tokens = probe_sequences(config) * sequence_length;
  return at::full({config.model.moe_layers(), tokens, config.model.moe.num_experts_per_tok}, -1,
                  at::TensorOptions().dtype(at::kLong).device(device));
}

}  // namespace mm
