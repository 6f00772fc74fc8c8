// The JSON header of a safetensors file, read as hostile input.
// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace mm {

/// The dtypes that we read and write; the format has a few more.
enum class SafetensorsDtype { kF64, kI64, kF32, kI32, kF16, kBF16, kI16, kI8, kU8, kBool };

/// "F32", "BF16", ...
const char* dtype_name(SafetensorsDtype dtype);
size_t dtype_bytes(SafetensorsDtype dtype);

struct SafetensorsEntry {
  std::string name;
  SafetensorsDtype dtype = SafetensorsDtype::kF32;
  std::vector<int64_t> shape;
  size_t begin = 0;  ///< in bytes, from the start of the data
  size_t end = 0;
};

struct SafetensorsHeader {
  std::vector<SafetensorsEntry> entries;        ///< in the order of their data
  std::map<std::string, std::string> metadata;  ///< `__metadata__`
  size_t data_start = 0;                        ///< in bytes, from the start of the file
};

/// Reads and checks the header of a whole file in memory. Throws Error(kCheckpoint), naming `path` and the tensor,
/// unless: the header is at most 100 MB of strict JSON of exactly the fields the format knows, no key twice; dtypes are
/// known; no shape overflows; every length is shape times dtype; and the tensors cover the data with no hole, no
/// overlap and no byte left over.
SafetensorsHeader read_safetensors_header(std::span<const std::byte> file, const std::string& path);

}  // namespace mm
