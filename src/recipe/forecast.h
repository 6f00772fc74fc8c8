// What a run will cost, before it costs anything: arithmetic on the config. No torch.
#pragma once

#include <string>

#include "recipe/run_config.h"

namespace mm {

struct MemoryForecast {
  double weights = 0;      ///< bytes: master, gradients, what the optimizer keeps, a 16-bit shadow if there is one
  double activations = 0;  ///< bytes kept for the backward pass of one micro-batch, logits included
};

/// `sixteen_bit`: matrix products in bf16 or fp16.
MemoryForecast forecast_memory(const RunConfig& config, bool sixteen_bit);

/// Parameters, FLOPs, memory, tokens, steps and disk of a run, a line each: what `--check` prints.
std::string forecast(const RunConfig& config);

}  // namespace mm
