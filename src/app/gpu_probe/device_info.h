// What the device is, and which attention LibTorch chooses on it.
#pragma once

#include <string>

#include "engine/device/device.h"
#include "recipe/run_config.h"

namespace mm {

std::string device_info(const RunConfig& config, const DeviceSetup& setup);

}  // namespace mm
