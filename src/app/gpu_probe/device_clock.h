// What work costs on the device: time by events, kernels by LibTorch's profiler.
#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace mm {

/// Milliseconds that `body` takes on the device: the median of some runs after a few to warm up. The host's part is in
/// it where the device waits for the host.
double device_milliseconds(at::Device device, const std::function<void()>& body);

/// What a piece of work asks of the device. All 0 on a CPU.
struct DeviceCalls {
  int64_t kernels = 0;
  int64_t copies = 0;  ///< and fills
  int64_t waits = 0;   ///< of the host for the device
};

DeviceCalls count_device_calls(at::Device device, const std::function<void()>& body);

/// Runs `body` under the profiler and writes the trace of what the device did to `path`.
void trace_device(const std::string& path, const std::function<void()>& body);

}  // namespace mm
