#include "ops/cuda/emulator/guarded_buffer.h"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <new>

namespace mm::cuda {

constexpr std::byte kPoison{0xff};

GuardedBuffer::GuardedBuffer(size_t bytes) : bytes_(bytes) {
  const auto page = static_cast<size_t>(sysconf(_SC_PAGESIZE));
  mapped_ = (bytes + page - 1) / page * page + page;
  void* memory = mmap(nullptr, mapped_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  base_ = static_cast<std::byte*>(memory);
  std::byte* const guard = base_ + mapped_ - page;
  data_ = guard - bytes_;
  std::memset(base_, static_cast<int>(kPoison), mapped_ - page);
  if (mprotect(guard, page, PROT_NONE) != 0) throw std::bad_alloc();
}

GuardedBuffer::~GuardedBuffer() {
  munmap(base_, mapped_);
}

void GuardedBuffer::poison() {
  std::memset(data_, static_cast<int>(kPoison), bytes_);
}

bool GuardedBuffer::intact() const {
  return std::all_of(base_, data_, [](std::byte byte) { return byte == kPoison; });
}

}  // namespace mm::cuda
