// Safetensors files of our own writing: every weight we store is one, and any such file can be read.
// Format: https://github.com/huggingface/safetensors#format
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "checkpoint/named_tensors.h"
#include "checkpoint/safetensors_header.h"
#include "core/files/files.h"

namespace mm {

/// Writes `tensors` (distinct names; float64, float32, float16, bfloat16, int64, int32, int16, int8, uint8 or bool; any
/// strides, any device) to `path`, which appears whole or not at all. Tensors on a device or with strides are copied
/// one at a time. The data starts at a multiple of 64 bytes; wider dtypes come first and otherwise the order stays, so
/// that a reader can map every tensor in place. The same tensors give the same bytes.
/// Throws Error(kStorage), Error(kInternal) for another dtype or a name given twice.
void write_safetensors(const std::string& path, const NamedTensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

/// A safetensors file, mapped. Opening checks the whole header (safetensors_header.h) and touches no data.
class SafetensorsFile {
 public:
  /// Throws Error(kCheckpoint).
  explicit SafetensorsFile(const std::string& path);

  const std::string& path() const { return map_->path(); }
  const MappedFile& map() const { return *map_; }
  const std::map<std::string, std::string>& metadata() const { return header_.metadata; }
  std::vector<std::string> names() const;  ///< in the order of their data
  bool contains(const std::string& name) const { return by_name_.contains(name); }

  /// The tensor on the CPU, without a copy where the file aligns it to its dtype. It keeps the map alive and is for
  /// reading: writing to it would fault. Throws Error(kCheckpoint) when there is none of that name.
  at::Tensor tensor(const std::string& name) const;

  /// All of them, in the order of names().
  NamedTensors tensors() const;

 private:
  at::Tensor tensor(const SafetensorsEntry& entry) const;

  std::shared_ptr<const MappedFile> map_;
  SafetensorsHeader header_;
  std::unordered_map<std::string, size_t> by_name_;  // into header_.entries
};

}  // namespace mm
