// One micro-batch on the device against the same on the CPU.
#pragma once

#include "engine/device/device.h"
#include "recipe/run_config.h"

namespace mm {

/// Prints loss and gradients in fp32, bf16 and fp16 against the CPU's in fp32, and how often the same bytes come again.
/// Returns whether all of them are near enough.
bool check_step(const RunConfig& config, const DeviceSetup& setup);

}  // namespace mm
