// The device of a run: the only place outside ops/ that knows which one it is.
#pragma once

#include <ATen/core/Tensor.h>

#include <optional>
#include <string>

#include "distributed/placement.h"
#include "ops/experts/grouped_linear.h"
#include "recipe/sections/train_config.h"

namespace mm {

struct RunConfig;

struct DeviceSetup {
  at::Device device = at::kCPU;
  at::ScalarType compute_type = at::kFloat;  ///< of the matrix products
  std::string description;                   ///< for the log
  double gemm_rate = 0;                      ///< FLOP/s that MFU is a share of (measure_gemm_rate); 0: not measured
  double data_sheet_rate = 0;                ///< FLOP/s that the maker of the GPU promises; 0: not known
  std::optional<GroupedBackend> expert_products = {};  ///< what computes those of a mixture on a GPU
};

/// Chooses device and precision, and sets threads. Call once, before the first tensor.
/// Throws Error(kDevice) when the device asked for is not there.
DeviceSetup set_up_device(const RunSection& run, const std::string& precision, const Placement& place = {});
/// And what computes the products of experts (choose_expert_products).
DeviceSetup set_up_device(const RunConfig& config, const Placement& place = {});

/// fp32, fp16 or bf16.
const char* type_name(at::ScalarType type);

/// Seeds the device's default generator, which dropout draws from.
void seed_device(at::Device device, uint64_t seed);

/// Waits until all work given to the device is done.
void synchronize(at::Device device);

/// Gives what the allocator keeps without use back to the system.
void give_back_cached_memory(at::Device device);

/// FLOP/s of a square matrix product of random numbers in `type` on this device, the best of a few runs: what a step
/// can reach at most. No generator that anybody else draws from is touched.
double measure_gemm_rate(at::Device device, at::ScalarType type);

/// Bytes in use: of the device's allocator, on a CPU of the whole process. 0 where nothing tells.
int64_t memory_in_use(at::Device device);

/// The most bytes that the device's allocator has held since restart_peak_memory(): on a GPU those it has reserved, on
/// a CPU those of cpu::peak_bytes(), 0 without cpu::use_caching_allocator().
int64_t peak_memory_in_use(at::Device device);
void restart_peak_memory(at::Device device);

}  // namespace mm
