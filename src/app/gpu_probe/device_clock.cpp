#include "app/gpu_probe/device_clock.h"

#include <c10/core/Event.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <torch/csrc/autograd/profiler_kineto.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <set>
#include <vector>

#include "engine/device/device.h"

namespace mm {
namespace {

namespace profiler = torch::autograd::profiler;
using torch::profiler::impl::ActivityType;

double event_milliseconds(at::Device device, const std::function<void()>& body) {
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  c10::Event begin(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  c10::Event end(device.type(), c10::EventFlag::BACKEND_DEFAULT);
  begin.record(stream);
  body();
  end.record(stream);
  end.synchronize();
  return begin.elapsedTime(end);
}

double host_milliseconds(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - begin).count();
}

/// Without the host's side of LibTorch: its ops are not asked for, the calls of the CUDA runtime are.
std::unique_ptr<profiler::ProfilerResult> profiled(const std::function<void()>& body) {
  const torch::profiler::impl::ProfilerConfig config(torch::profiler::impl::ProfilerState::KINETO);
  const std::set<ActivityType> activities = {ActivityType::CUDA};
  profiler::prepareProfiler(config, activities);
  profiler::enableProfiler(config, activities);
  body();
  return profiler::disableProfiler();
}

DeviceCalls profiled_calls(at::Device device, const std::function<void()>& body) {
  synchronize(device);
  const auto result = profiled([&] {
    body();
    synchronize(device);
  });
  DeviceCalls calls;
  for (const profiler::KinetoEvent& event : result->events()) {
    const std::string name = event.name();
    if (event.deviceType() == c10::DeviceType::CUDA) {
      (name.starts_with("Mem") ? calls.copies : calls.kernels) += 1;
    } else if (name.find("Synchronize") != std::string::npos) {
      ++calls.waits;
    }
  }
  return calls;
}

}  // namespace

double device_milliseconds(at::Device device, const std::function<void()>& body) {
  constexpr int kWarmUp = 3, kRuns = 15;
  for (int run = 0; run < kWarmUp; ++run) body();
  synchronize(device);
  std::vector<double> all;
  for (int run = 0; run < kRuns; ++run) {
    all.push_back(device.is_cpu() ? host_milliseconds(body) : event_milliseconds(device, body));
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

DeviceCalls count_device_calls(at::Device device, const std::function<void()>& body) {
  if (device.is_cpu()) {
    body();
    return {};
  }
  // The profiler and the wait at the end leave calls of their own.
  static const DeviceCalls nothing = profiled_calls(device, [] {});
  DeviceCalls calls = profiled_calls(device, body);
  calls.kernels -= nothing.kernels;
  calls.copies -= nothing.copies;
  calls.waits -= nothing.waits;
  return calls;
}

void trace_device(const std::string& path, const std::function<void()>& body) {
  profiled(body)->save(path);
}

}  // namespace mm
