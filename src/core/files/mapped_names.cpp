// A slot is whole before its address is there, and a handler looks at addresses first.
#include "core/files/mapped_names.h"

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>

namespace mm {
namespace {

struct Slot {
  std::atomic<uintptr_t> begin = 0;
  size_t bytes = 0;
  std::string path;
};

std::array<Slot, 4096>& slots() {
  static auto* const all = new std::array<Slot, 4096>;  // a handler may run while the program ends
  return *all;
}

std::mutex mutex;

uintptr_t number_of(const void* address) {
  return reinterpret_cast<uintptr_t>(address);
}

}  // namespace

void name_mapping(const void* begin, size_t bytes, const std::string& path) {
  const std::lock_guard lock(mutex);
  for (Slot& slot : slots()) {
    if (slot.begin.load(std::memory_order_relaxed) != 0) continue;
    slot.bytes = bytes;
    slot.path = path;
    slot.begin.store(number_of(begin), std::memory_order_release);
    return;
  }
}

void forget_mapping(const void* begin) {
  const std::lock_guard lock(mutex);
  for (Slot& slot : slots()) {
    if (slot.begin.load(std::memory_order_relaxed) == number_of(begin)) slot.begin.store(0);
  }
}

const char* mapped_name(const void* address) noexcept {
  const uintptr_t wanted = number_of(address);
  for (const Slot& slot : slots()) {
    const uintptr_t begin = slot.begin.load(std::memory_order_acquire);
    if (begin != 0 && wanted >= begin && wanted - begin < slot.bytes) return slot.path.c_str();
  }
  return nullptr;
}

}  // namespace mm
