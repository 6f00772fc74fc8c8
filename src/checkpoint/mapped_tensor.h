// Tensors in mapped files.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <span>
#include <string>

#include "core/files/files.h"

namespace mm {

/// A CPU tensor on `bytes` of `map`: without a copy where they are aligned to `dtype`. It keeps the map alive and is
/// for reading: writing to it would fault.
///   bytes    from the first element that is seen to the end of the last one
///   strides  in elements, none negative
at::Tensor mapped_tensor(const std::shared_ptr<const MappedFile>& map, std::span<const std::byte> bytes,
                         at::ScalarType dtype, at::IntArrayRef sizes, at::IntArrayRef strides);

/// Throws Error(kCheckpoint) unless every byte is 0 or 1: any other bool is undefined behaviour for every reader of it.
///   where  `<file>:<key>`
void check_bools(std::span<const std::byte> bytes, const std::string& where);

}  // namespace mm
