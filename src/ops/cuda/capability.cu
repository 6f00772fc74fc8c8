// What the GPU at hand can do.
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

#else

int compute_capability() {
  return Emulation::compute_capability();
}

#endif

}  // namespace mm::cuda
