// Memory that shows who reads or writes beside it.
#pragma once

#include <cstddef>

namespace mm::cuda {

/// `bytes` of memory that end where a page ends, before one that nobody may touch: the first byte too far is a
/// segmentation fault. Filled with 0xff, as is what lies before it: NaN in every type of float, -1 in every integer.
class GuardedBuffer {
 public:
  explicit GuardedBuffer(size_t bytes);
  ~GuardedBuffer();
  GuardedBuffer(const GuardedBuffer&) = delete;
  GuardedBuffer& operator=(const GuardedBuffer&) = delete;

  void* data() const { return data_; }
  void poison();
  /// Whether nobody wrote to what lies before it.
  bool intact() const;

 private:
  size_t bytes_, mapped_;
  std::byte *base_, *data_;
};

}  // namespace mm::cuda
