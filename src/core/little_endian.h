// Little-endian numbers at any address, as the formats of checkpoints store them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstring>
#include <string>
#include <type_traits>

namespace mm {

static_assert(std::endian::native == std::endian::little,
              "the formats are little-endian, and tensors are mapped as is");

/// The number in the sizeof(T) bytes from `bytes`.
template <class T>
  requires std::is_arithmetic_v<T>
T load_le(const std::byte* bytes) {
  T value;
  std::memcpy(&value, bytes, sizeof value);
  return value;
}

/// Appends the sizeof(T) bytes of `value`.
template <class T>
  requires std::is_arithmetic_v<T>
void store_le(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

}  // namespace mm
