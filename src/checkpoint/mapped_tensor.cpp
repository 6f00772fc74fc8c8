// from_blob, and a copy where it would not do.
#include "checkpoint/mapped_tensor.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/from_blob.h>

#include <algorithm>

#include "core/error.h"

namespace mm {

at::Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& map, std::span<const std::byte> bytes,
                         at::ScalarType dtype, at::IntArrayRef sizes, at::IntArrayRef strides) {
  const at::TensorOptions options(dtype);
  if (bytes.empty()) return at::empty(sizes, options);
  const size_t width = c10::elementSize(dtype);
  if (reinterpret_cast<uintptr_t>(bytes.data()) % width != 0) {
    const at::Tensor copy = at::empty({static_cast<int64_t>(bytes.size() / width)}, options);
    std::copy(bytes.begin(), bytes.end(), static_cast<std::byte*>(copy.mutable_data_ptr()));
    return copy.as_strided(sizes, strides);
  }
  return at::from_blob(
      const_cast<std::byte*>(bytes.data()), sizes, strides, [map](void*) {}, options);
}

void check_bools(std::span<const std::byte> bytes, const std::string& where) {
  if (std::all_of(bytes.begin(), bytes.end(), [](std::byte value) { return value <= std::byte{1}; })) return;
  throw Error(ExitCode::kCheckpoint, got_want(where, "a bool that is neither 0 nor 1", "0 or 1"));
}

}  // namespace mm
