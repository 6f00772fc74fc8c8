// One step of a run that is over, looked at closely.
#pragma once

#include <cstdint>
#include <string>

#include "recipe/run_config.h"

namespace mm {

/// Takes a run from the newest checkpoint before `step`, or from its first weights where there is none, to that step
/// and tells of it: whether it was taken, where its passes were first not finite, the parameters with the largest
/// gradients, the sequences with the largest losses. Nothing of the run is changed.
/// Throws Error(kConfig) when the run has no such step, kData, kCheckpoint.
std::string replay_step(const RunConfig& config, int64_t step);

}  // namespace mm
