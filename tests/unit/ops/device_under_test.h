// Where the tests of the CUDA path run: on a GPU where one answers; else, in a build without CUDA, on an emulated one
// whose tensors end at a page that nobody may touch and begin as NaN.
#pragma once

#include <ATen/Context.h>
#include <gtest/gtest.h>

#include "compare.h"
#ifndef MM_CUDA
#include <c10/core/CPUAllocator.h>

#include <cstring>
#include <map>
#include <memory>
#include <mutex>

#include "ops/cuda/emulator/emulator.h"
#include "ops/cuda/emulator/guarded_buffer.h"
#endif

namespace mm {

#ifndef MM_CUDA

/// CPU tensors in GuardedBuffers, from the first one of the program on.
class GuardedAllocator final : public c10::Allocator {
 public:
  static void use() { c10::SetCPUAllocator(&instance(), /*priority=*/100); }

  c10::DataPtr allocate(size_t bytes) override {
    auto buffer = std::make_unique<cuda::GuardedBuffer>(bytes);
    void* data = buffer->data();
    const std::lock_guard lock(mutex_);
    buffers_[data] = std::move(buffer);
    return {data, data, &GuardedAllocator::release, c10::Device(c10::DeviceType::CPU)};
  }
  /// LibTorch's 16-bit products take scratch memory by its bare address.
  c10::DeleterFnPtr raw_deleter() const override { return &GuardedAllocator::release; }
  void copy_data(void* destination, const void* source, size_t count) const override {
    std::memcpy(destination, source, count);
  }

 private:
  static GuardedAllocator& instance() {
    static GuardedAllocator* allocator = new GuardedAllocator;  // outlives every tensor
    return *allocator;
  }

  static void release(void* data) {
    const std::lock_guard lock(instance().mutex_);
    const auto buffer = instance().buffers_.extract(data);
    EXPECT_TRUE(buffer.mapped()->intact()) << "somebody wrote before a tensor";
  }

  std::mutex mutex_;
  std::map<void*, std::unique_ptr<cuda::GuardedBuffer>> buffers_;
};

#endif

/// How far another order of summation takes what is computed in fp32, of the largest value. A GPU approximates roots and
/// exponentials besides.
#ifdef MM_CUDA
inline constexpr double kOfSums = 3e-6;
#else
inline constexpr double kOfSums = 1e-6;
#endif

/// A test of the CUDA path.
class OnDeviceUnderTest : public testing::Test {
 protected:
  void SetUp() override {
#ifdef MM_CUDA
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
    device_ = at::kCUDA;
    allow_tf32_ = at::globalContext().allowTF32CuBLAS();
    at::globalContext().setAllowTF32CuBLAS(false);
#else
    GuardedAllocator::use();
#endif
  }
  void TearDown() override {
#ifdef MM_CUDA
    if (at::hasCUDA()) at::globalContext().setAllowTF32CuBLAS(allow_tf32_);
#endif
  }

  at::Device device() const { return device_; }

  /// What `body` gives on the device.
  template <class Body>
  auto on_device(const Body& body) const {
#ifndef MM_CUDA
    const cuda::Emulation emulation;
#endif
    return body();
  }

  /// The same, and the same bytes when it is done again: on an emulated GPU, in every order of blocks and threads.
  template <class Body>
  Tensors on_device_repeatedly(const Body& body) const {
    const Tensors first = on_device(body);
    for (const uint64_t order : {1, 2, 3}) {
#ifdef MM_CUDA
      static_cast<void>(order);
#else
      const cuda::Emulation emulation(order);
#endif
      expect_same_bytes(body(), first);
    }
    return first;
  }

 private:
  at::Device device_ = at::kCPU;
  bool allow_tf32_ = false;
};

}  // namespace mm
