#include "app/gpu_probe/device_info.h"

#include <ATen/ops/_fused_sdp_choice.h>
#include <ATen/ops/zeros.h>
#include <cuda_runtime_api.h>
#include <torch/headeronly/version.h>

#include <array>

#include "core/error.h"
#include "core/text.h"

namespace mm {
namespace {

void require_success(cudaError_t status) {
  if (status != cudaSuccess) throw Error(ExitCode::kDevice, std::string("CUDA: ") + cudaGetErrorString(status));
}

std::string gpu_properties(at::Device device) {
  cudaDeviceProp gpu{};
  int runtime = 0, driver = 0;
  require_success(cudaGetDeviceProperties(&gpu, device.index()));
  require_success(cudaRuntimeGetVersion(&runtime));
  require_success(cudaDriverGetVersion(&driver));
  return format("%s, sm_%d%d, %d multiprocessors, %s, L2 %s, CUDA runtime %d, driver %d", gpu.name, gpu.major,
                gpu.minor, gpu.multiProcessorCount, short_bytes(static_cast<double>(gpu.totalGlobalMem)).c_str(),
                short_bytes(static_cast<double>(gpu.l2CacheSize)).c_str(), runtime, driver);
}

/// In the order of LibTorch's enum SDPBackend.
const char* attention_name(int64_t choice) {
  constexpr std::array kNames = {"math", "flash", "memory-efficient", "cuDNN", "overrideable"};
  return choice >= 0 && choice < static_cast<int64_t>(kNames.size()) ? kNames[static_cast<size_t>(choice)] : "none";
}

std::string attention_choice(const RunConfig& config, const DeviceSetup& setup) {
  const ModelConfig& model = config.model;
  const int64_t b = config.train.micro_batch, t = config.data.sequence_length, c = *model.head_dim,
                h = model.num_attention_heads, k = model.num_key_value_heads;
  const auto heads_bhtc = [&](int64_t heads) {
    const at::TensorOptions options = at::TensorOptions().dtype(setup.compute_type).device(setup.device);
    return at::zeros({b, t, heads, c}, options).set_requires_grad(true).transpose(1, 2);
  };
  const int64_t choice =
      at::_fused_sdp_choice(heads_bhtc(h), heads_bhtc(k), heads_bhtc(k), {}, 0.0, true, std::nullopt, h != k);
  return format("attention of %lld x %lld tokens, %lld/%lld heads of %lld: %s", static_cast<long long>(b),
                static_cast<long long>(t), static_cast<long long>(h), static_cast<long long>(k),
                static_cast<long long>(c), attention_name(choice));
}

}  // namespace

std::string device_info(const RunConfig& config, const DeviceSetup& setup) {
  std::string text = std::string("LibTorch ") + TORCH_VERSION + ", " + setup.description + "\n";
  if (setup.device.is_cuda()) text += gpu_properties(setup.device) + "\n";
  return text + attention_choice(config, setup);
}

}  // namespace mm
