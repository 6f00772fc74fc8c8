// A cache of freed huge-page blocks by size class.
#include "ops/cpu/caching_allocator.h"

#include <c10/core/Allocator.h>
#include <c10/core/CPUAllocator.h>
#include <sys/mman.h>

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <new>
#include <unordered_map>
#include <vector>

namespace mm::cpu {
namespace {

constexpr size_t kHugePage = size_t{2} << 20;

/// Rounds up to a multiple of an eighth of the power of two below: at most 12.5% is wasted.
size_t size_class(size_t bytes) {
  const size_t step = std::max(std::bit_floor(bytes) / 8, size_t{4096});
  return (bytes + step - 1) / step * step;
}

/// The blocks of one size class.
struct Blocks {
  std::vector<void*> free;
  size_t used = 0;
  size_t peak = 0;  ///< the most that were in use at once
};

class CachingAllocator final : public c10::Allocator {
 public:
  void set_smallest(size_t bytes) { smallest_ = bytes; }

  int64_t peak_bytes() {
    const std::lock_guard lock(mutex_);
    size_t bytes = 0;
    for (const auto& [size, blocks] : blocks_) bytes += size * blocks.peak;
    return static_cast<int64_t>(bytes);
  }

  void give_back() {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : blocks_) {
      for (void* data : blocks.free) {
        size_of_.erase(data);
        munmap(data, size);
      }
      blocks.free.clear();
    }
  }

  int64_t held_bytes() {
    const std::lock_guard lock(mutex_);
    size_t bytes = 0;
    for (const auto& [size, blocks] : blocks_) bytes += size * (blocks.used + blocks.free.size());
    return static_cast<int64_t>(bytes);
  }

  void restart_peak() {
    const std::lock_guard lock(mutex_);
    for (auto& [size, blocks] : blocks_) blocks.peak = blocks.used;
  }

  c10::DataPtr allocate(size_t bytes) override {
    if (bytes < smallest_) return c10::GetDefaultCPUAllocator()->allocate(bytes);
    const size_t size = size_class(bytes);
    void* data = take(size);
    return {data, data, &CachingAllocator::release, c10::Device(c10::DeviceType::CPU)};
  }

  /// LibTorch's 16-bit kernels take scratch memory without its deleter: what they give back may be of either kind.
  c10::DeleterFnPtr raw_deleter() const override { return &CachingAllocator::release_any; }

  void copy_data(void* destination, const void* source, size_t count) const override {
    std::memcpy(destination, source, count);
  }

  static CachingAllocator& instance() {
    static CachingAllocator* allocator = new CachingAllocator;  // outlives every tensor
    return *allocator;
  }

 private:
  void* take(size_t size) {
    const std::lock_guard lock(mutex_);
    Blocks& blocks = blocks_[size];
    void* data = nullptr;
    if (blocks.free.empty()) {
      data = map(size);
      size_of_[data] = size;
    } else {
      data = blocks.free.back();
      blocks.free.pop_back();
    }
    blocks.peak = std::max(blocks.peak, ++blocks.used);
    return data;
  }

  static void release(void* data) {
    CachingAllocator& self = instance();
    const std::lock_guard lock(self.mutex_);
    Blocks& blocks = self.blocks_[self.size_of_.at(data)];
    blocks.free.push_back(data);
    --blocks.used;
  }

  static void release_any(void* data) {
    if (instance().owns(data)) {
      release(data);
    } else {
      c10::GetDefaultCPUAllocator()->raw_deallocate(data);
    }
  }

  bool owns(void* data) {
    const std::lock_guard lock(mutex_);
    return size_of_.contains(data);
  }

  /// Fresh memory at a huge-page boundary, so that whole huge pages back it.
  static void* map(size_t size) {
    const size_t mapped = size + kHugePage;
    void* base = mmap(nullptr, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED) throw std::bad_alloc();
    const uintptr_t address = reinterpret_cast<uintptr_t>(base);
    const uintptr_t aligned = (address + kHugePage - 1) / kHugePage * kHugePage;
    void* data = reinterpret_cast<void*>(aligned);
    if (aligned > address) munmap(base, aligned - address);
    if (address + kHugePage > aligned) munmap(static_cast<std::byte*>(data) + size, address + kHugePage - aligned);
    madvise(data, size, MADV_HUGEPAGE);
    return data;
  }

  std::mutex mutex_;
  size_t smallest_ = 0;
  std::unordered_map<size_t, Blocks> blocks_;
  std::unordered_map<void*, size_t> size_of_;
};

}  // namespace

void use_caching_allocator(size_t smallest) {
  CachingAllocator::instance().set_smallest(smallest);
  c10::SetCPUAllocator(&CachingAllocator::instance(), /*priority=*/100);
}

int64_t peak_bytes() {
  return CachingAllocator::instance().peak_bytes();
}

void restart_peak() {
  CachingAllocator::instance().restart_peak();
}

void give_back() {
  CachingAllocator::instance().give_back();
}

int64_t held_bytes() {
  return CachingAllocator::instance().held_bytes();
}

}  // namespace mm::cpu
