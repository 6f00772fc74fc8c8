// Where the host waits for the device.
#pragma once

#include <functional>

#include "core/error.h"

namespace mm {

/// Runs `body` and then prints how often LibTorch waited for the device in it, and from which places. It sees its own
/// calls alone, not what the program asks of CUDA past it.
ExitCode report_host_waits(const std::function<ExitCode()>& body);

}  // namespace mm
