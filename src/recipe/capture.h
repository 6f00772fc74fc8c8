// What stands against launching a micro-batch as one. No torch.
#pragma once

#include "recipe/run_config.h"

namespace mm {

/// Why a micro-batch of this run is not the same work every time, whatever the device; null where it is.
const char* capture_obstacle(const RunConfig& config);

}  // namespace mm
