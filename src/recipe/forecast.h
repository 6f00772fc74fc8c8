// What a run will cost, before it costs anything: arithmetic on the config, and on what is known of its text and of its
// device. No torch.
#pragma once

#include <optional>
#include <string>

#include "recipe/run_config.h"

namespace mm {

struct MemoryForecast {
  double weights = 0;  ///< bytes: master, gradients, what the optimizer keeps, 16-bit shadow and average if there are
  double copy = 0;     ///< bytes of the state, that a checkpoint is written from beside the training
  double activations = 0;  ///< bytes kept for the backward pass of one micro-batch, logits included
  double program = 0;      ///< bytes of the process without all these; on a GPU, and where nothing was measured, 0

  double total() const { return weights + copy + activations + program; }
};

/// `sixteen_bit`: matrix products in bf16 or fp16.
MemoryForecast forecast_memory(const RunConfig& config, bool sixteen_bit);

/// What there is to say when memory did not suffice: what needs how much, and a smaller train.micro_batch that is
/// forecast to fit beside a larger train.accumulation, which together are the same batch.
///   available  bytes that there are; none: not known, and half of the micro-batch is what is offered
std::string explain_memory(const RunConfig& config, bool sixteen_bit, std::optional<double> available);

/// What no config tells.
struct RunFacts {
  std::optional<int64_t> sequences = {};      ///< of the training text, about as many
  std::optional<double> seconds = {};         ///< of the whole run on this device
  std::optional<MemoryForecast> memory = {};  ///< measured on this device
  std::string device = {};                    ///< in words
};

/// Parameters, exports, FLOPs, tokens, experts, memory, time and disk of a run, a line each: what `--check` prints.
std::string forecast(const RunConfig& config, const RunFacts& facts = {});

/// The steps of a run: exact where the config tells, else about as many; nothing where that takes a text that is not
/// known.
std::optional<int64_t> forecast_steps(const RunConfig& config, const std::optional<int64_t>& sequences);

}  // namespace mm
