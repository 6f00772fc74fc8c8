// What a GPU can do, and what it is called.
#include "ops/cuda/device_code.h"

namespace mm::cuda {

#ifdef __CUDACC__

int compute_capability() {
  int device = 0, major = 0, minor = 0;
  const bool known = cudaGetDevice(&device) == cudaSuccess &&
                     cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
                     cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess;
  if (!known) throw Error(ExitCode::kDevice, "CUDA: the device does not tell its compute capability");
  return 10 * major + minor;
}

std::string device_name(int index) {
  cudaDeviceProp gpu{};
  if (cudaGetDeviceProperties(&gpu, index) != cudaSuccess) {
    throw Error(ExitCode::kDevice, "CUDA: the device does not tell its name");
  }
  return gpu.name;
}

#else

int compute_capability() {
  return Emulation::compute_capability();
}

std::string device_name(int /*index*/) {
  return "an emulated GPU";
}

#endif

}  // namespace mm::cuda
