#include "engine/device/device.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Context.h>
#include <ATen/Parallel.h>
#include <ATen/ops/mm.h>
#include <ATen/ops/randn.h>
#include <c10/core/CachingDeviceAllocator.h>
#include <c10/core/impl/VirtualGuardImpl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdlib>
#include <fstream>

#include "core/error.h"
#include "core/json/json_text.h"
#include "core/process/machine.h"
#include "core/text.h"
#include "engine/device/data_sheet.h"
#include "engine/device/expert_products.h"
#include "ops/cpu/caching_allocator.h"
#include "ops/cuda/kernels.h"

namespace mm {
namespace {

/// Each of several processes of a machine takes the GPU that its local rank counts to.
at::Device choose_device(const std::string& wanted, const Placement& place) {
  if (!is_device_name(wanted)) {
    throw Error(ExitCode::kConfig, got_want("device", show_text(wanted), "auto, cpu, cuda or cuda:N"));
  }
  if (wanted == "cpu") return at::kCPU;
  const int64_t gpus = at::hasCUDA() ? at::detail::getCUDAHooks().deviceCount() : 0;
  if (wanted == "auto" && gpus == 0) return at::kCPU;
  const bool is_numbered = wanted.starts_with("cuda:");
  if (is_numbered && place.local_size > 1) {
    throw Error(ExitCode::kConfig, got_want("run.device",
                                            format("%s for %lld processes of this machine", wanted.c_str(),
                                                   static_cast<long long>(place.local_size)),
                                            "cuda", "each of them takes the GPU of its LOCAL_RANK"));
  }
  const int64_t index = is_numbered ? std::stoll(wanted.substr(5)) : place.local_rank;
  if (index >= gpus) {
    const std::string seen = gpus == 0 ? "no GPU" : format("%lld GPUs, counted from 0,", static_cast<long long>(gpus));
    const std::string process =
        is_numbered || index == 0 ? "" : format(" for local rank %lld", static_cast<long long>(index));
    throw Error(ExitCode::kDevice,
                got_want("run.device", wanted + process + " with " + seen + " in sight", "a GPU that is there",
                         "use --device cpu, or build with scripts/build.sh cuda on a machine with a GPU"));
  }
  return {at::kCUDA, static_cast<at::DeviceIndex>(index)};
}

at::ScalarType choose_type(const std::string& precision, at::Device device) {
  if (precision == "bf16") return at::kBFloat16;
  if (precision == "fp16") return at::kHalf;
  if (precision == "auto" && device.is_cuda()) return at::kBFloat16;
  return at::kFloat;
}

/// Of a GPU. Ours give the same bytes every time; this is about those of LibTorch.
void choose_ops(bool deterministic) {
  at::Context& context = at::globalContext();
  // cuDNN's attention adds in any order, and plans anew for every length that it meets: 0.1 to 0.4 s each.
  context.setSDPUseCuDNN(!deterministic);
  context.setDeterministicAlgorithms(deterministic, /*warn_only=*/false);
  context.setDeterministicFillUninitializedMemory(false);  // a pass over each new tensor, for those who forget to write
  // As much memory as LibTorch gives cuBLAS on Hopper, fixed: with less a product may be split otherwise. Read once.
  if (deterministic) setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8", /*overwrite=*/0);
}

}  // namespace

const char* type_name(at::ScalarType type) {
  if (type == at::kFloat) return "fp32";
  return type == at::kHalf ? "fp16" : "bf16";
}

DeviceSetup set_up_device(const RunSection& run, const std::string& precision, const Placement& place) {
  DeviceSetup setup;
  setup.device = choose_device(run.device, place);
  setup.compute_type = choose_type(precision, setup.device);
  const int share = std::max(usable_processors() / static_cast<int>(place.local_size), 1);
  const int threads = run.threads > 0 ? static_cast<int>(run.threads) : share;
  at::set_num_threads(threads);
  if (setup.device.is_cuda()) {
    choose_ops(run.deterministic);
    setup.data_sheet_rate = data_sheet_rate(cuda::device_name(setup.device.index()), setup.compute_type);
  }
  setup.description =
      setup.device.is_cuda() ? setup.device.str() : format("cpu, %d thread%s", threads, threads == 1 ? "" : "s");
  setup.description += std::string(", ") + type_name(setup.compute_type);
  if (setup.device.is_cuda() && !run.deterministic) setup.description += ", not deterministic";
  return setup;
}

DeviceSetup set_up_device(const RunConfig& config, const Placement& place) {
  DeviceSetup setup = set_up_device(config.run, config.train.precision, place);
  setup.expert_products = choose_expert_products(config, setup.device, setup.compute_type);
  if (setup.expert_products) setup.description += ", experts by " + std::string(name_of(*setup.expert_products));
  return setup;
}

void seed_device(at::Device device, uint64_t seed) {
  at::Generator generator = at::globalContext().defaultGenerator(device);
  const std::lock_guard lock(generator.mutex());
  generator.set_current_seed(seed);
}

void synchronize(at::Device device) {
  if (device.is_cpu()) return;
  c10::impl::VirtualGuardImpl(device.type()).synchronizeDevice(device.index());
}

void give_back_cached_memory(at::Device device) {
  if (device.is_cpu()) return cpu::give_back();
  c10::getDeviceAllocator(device.type())->emptyCache();
}

namespace {

/// [n, n]. A product of ones draws less power than one of random numbers, so that a GPU is up to a fifth faster with
/// it.
at::Tensor random_square(int64_t n, const at::TensorOptions& options) {
  constexpr int64_t kPeriod = 65537;  // no divisor of n, so that no two rows begin alike
  const at::Tensor some = at::randn({kPeriod}, at::detail::createCPUGenerator(1)).to(options.device(), options.dtype());
  return some.repeat({n * n / kPeriod + 1}).narrow(0, 0, n * n).view({n, n});
}

}  // namespace

double measure_gemm_rate(at::Device device, at::ScalarType type) {
  constexpr int kRuns = 6;
  constexpr double kLongestRun = 2.0, kLongestSize = 0.5;  // seconds: larger products say nothing new of this device
  double rate = 0;
  for (const int64_t n : {128, 512, 1536, 8192}) {
    const double flops = 2.0 * std::pow(static_cast<double>(n), 3);
    if (rate > 0 && flops / rate > kLongestRun) break;
    const at::Tensor a = random_square(n, at::TensorOptions().dtype(type).device(device)), b = a.clone();
    double spent = 0;
    for (int run = 0; run < kRuns && spent < kLongestSize; ++run) {
      synchronize(device);
      const auto start = std::chrono::steady_clock::now();
      at::mm(a, b);
      synchronize(device);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      spent += elapsed.count();
      rate = std::max(rate, flops / elapsed.count());
    }
  }
  return rate;
}

int64_t memory_in_use(at::Device device) {
  if (device.is_cuda()) {
    const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
    return stats.allocated_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].current;
  }
  // Pages: total, resident, ...
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

int64_t peak_memory_in_use(at::Device device) {
  if (device.is_cpu()) return cpu::peak_bytes();
  const auto stats = c10::getDeviceAllocator(device.type())->getDeviceStats(device.index());
  return stats.reserved_bytes[static_cast<size_t>(c10::CachingAllocator::StatType::AGGREGATE)].peak;
}

void restart_peak_memory(at::Device device) {
  if (device.is_cpu()) return cpu::restart_peak();
  give_back_cached_memory(device);  // else it would count as held
  c10::getDeviceAllocator(device.type())->resetPeakStats(device.index());
}

}  // namespace mm
