// What a caller of the CUDA kernels needs of a tensor. Only for the `.cpp` files of ops/.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "core/error.h"
#include "ops/cuda/kernels.h"

namespace mm::cuda {

inline ElementType element_type(const at::Tensor& x) {
  if (x.scalar_type() == at::kFloat) return ElementType::kFloat;
  if (x.scalar_type() == at::kHalf) return ElementType::kHalf;
  require(x.scalar_type() == at::kBFloat16, "CUDA kernels take fp32, fp16 or bf16");
  return ElementType::kBFloat16;
}

inline Stream current_stream(at::Device device) {
  const c10::Stream stream = c10::impl::VirtualGuardImpl(device.type()).getStream(device);
  return stream.native_handle();
}

}  // namespace mm::cuda
