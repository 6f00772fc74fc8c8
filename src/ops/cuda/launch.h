// What a caller of the CUDA kernels needs of a tensor.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/DeviceGuard.h>
#include <c10/core/impl/VirtualGuardImpl.h>

#include "core/error.h"
#include "ops/cuda/kernels.h"
#ifndef MM_CUDA
#include "ops/cuda/emulator/emulator.h"
#endif

namespace mm::cuda {

/// Whether tensors like `x` are computed with by these kernels: those of a GPU, and in a test that emulates one all.
inline bool takes(const at::Tensor& x) {
#ifdef MM_CUDA
  return x.is_cuda();
#else
  return x.is_cuda() || Emulation::on();
#endif
}

inline ElementType element_type(at::ScalarType type) {
  if (type == at::kFloat) return ElementType::kFloat;
  if (type == at::kHalf) return ElementType::kHalf;
  require(type == at::kBFloat16, "CUDA kernels take fp32, fp16 or bf16");
  return ElementType::kBFloat16;
}
inline ElementType element_type(const at::Tensor& x) {
  return element_type(x.scalar_type());
}

/// While one lives, its device is the current one, as a launch wants it: autograd's threads see to that themselves, but
/// the thread that runs forward may have another one.
class OnDevice {
 public:
  explicit OnDevice(const at::Tensor& x) : guard_(x.device()), stream_(stream_of(x)) {}

  /// Its current stream.
  operator Stream() const { return stream_; }

 private:
  static Stream stream_of(const at::Tensor& x) {
#ifdef MM_CUDA
    return c10::impl::VirtualGuardImpl(x.device().type()).getStream(x.device()).native_handle();
#else
    return x.is_meta() ? emulator::nowhere() : nullptr;
#endif
  }

  c10::DeviceGuard guard_;
  Stream stream_;
};

/// Whether there is memory behind a tensor. In an emulation its bytes are counted.
inline bool has_memory(const at::Tensor& x) {
#ifndef MM_CUDA
  if (x.defined()) Emulation::count_bytes(x.nbytes());
#endif
  return x.defined() && !x.is_meta();
}

// The address of a tensor's first element for a kernel that reads or writes it; null where there is no memory.

template <class T>
const T* read(const at::Tensor& x) {
  return has_memory(x) ? x.const_data_ptr<T>() : nullptr;
}
template <class T>
T* write(const at::Tensor& x) {
  return has_memory(x) ? x.mutable_data_ptr<T>() : nullptr;
}
/// For one that does both.
template <class T>
T* read_and_write(const at::Tensor& x) {
  read<T>(x);
  return write<T>(x);
}
inline const void* read(const at::Tensor& x) {
  return has_memory(x) ? x.const_data_ptr() : nullptr;
}
inline void* write(const at::Tensor& x) {
  return has_memory(x) ? x.mutable_data_ptr() : nullptr;
}

}  // namespace mm::cuda
