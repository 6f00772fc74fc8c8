// How long the steps of a run take on this device, from a few seconds of training on made-up tokens.
#pragma once

#include "engine/device.h"
#include "recipe/run_config.h"

namespace mm {

struct StepTime {
  double forward_seconds = 0;   ///< of one sequence
  double backward_seconds = 0;  ///< of one sequence
  double update_seconds = 0;    ///< of one step
};

/// Times micro-batches of as many sequences as a moment allows, at most train.micro_batch.
StepTime time_step(const RunConfig& config, const DeviceSetup& setup);

/// Seconds of a run of so many steps, its evaluations and router measures included. Reading and tokenizing text,
/// samples and checkpoints, which are written beside the training, come on top.
double run_seconds(const RunConfig& config, const StepTime& time, int64_t steps);

}  // namespace mm
