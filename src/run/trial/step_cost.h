// What the steps of a run cost on this device, time and memory, from a few seconds of training on made-up tokens.
#pragma once

#include "engine/device/device.h"
#include "recipe/forecast.h"
#include "recipe/run_config.h"

namespace mm {

struct StepCost {
  double forward_seconds = 0;   ///< of one sequence
  double backward_seconds = 0;  ///< of one sequence
  double update_seconds = 0;    ///< of one step
  double start_seconds = 0;     ///< until the model has its first weights
  MemoryForecast memory;        ///< of the run
};

/// Trains micro-batches of as many sequences as a moment allows, at most train.micro_batch, and of half as many: what
/// these take more is what each sequence takes. Call before anything else has taken memory of the device.
StepCost measure_step(const RunConfig& config, const DeviceSetup& setup);

/// Seconds of a run of so many steps, its evaluations and router measures included. Tokenizing text,
/// samples and checkpoints, which are written beside the training, come on top.
double run_seconds(const RunConfig& config, const StepCost& cost, int64_t steps);

}  // namespace mm
