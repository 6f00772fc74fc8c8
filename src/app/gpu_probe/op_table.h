// Every op of a layer by itself: time, floor, kernels, and whether two runs give the same bytes.
#pragma once

#include "engine/device/device.h"
#include "recipe/run_config.h"

namespace mm {

/// Prints a line for what the device can do at most, then a line an op. An op that fails is a line, too. Returns
/// whether none did.
bool print_op_table(const RunConfig& config, const DeviceSetup& setup);

}  // namespace mm
