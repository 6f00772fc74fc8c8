// The few sequences that the routers are measured on, the same every time.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "recipe/run_config.h"

namespace mm {

/// Sequences of the probe: about a thousand tokens, at most a micro-batch.
int64_t probe_sequences(const RunConfig& config);

/// About 1,024 tokens, at least one sequence, at most a micro-batch, taken evenly from the `windows` of the training
/// data.
std::vector<int64_t> probe_windows(const RunConfig& config, int64_t windows);

/// TrainState::probe_experts_lns before the first measure; undefined for a dense model.
at::Tensor unknown_probe_experts(const RunConfig& config, int64_t sequence_length, at::Device device);

}  // namespace mm
