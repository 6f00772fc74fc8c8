// PyTorch `.pth` files as tensors: mapped, no code run, nothing copied that is aligned.
#pragma once

#include <ATen/core/Tensor.h>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/named_tensors.h"
#include "checkpoint/pth/pth_index.h"
#include "core/files/files.h"

namespace mm {

at::ScalarType tensor_dtype(StorageDtype dtype);
/// Nothing for a dtype that we do not write.
std::optional<StorageDtype> storage_dtype(at::ScalarType dtype);

/// A `.pth` file, mapped. Opening checks all of its structure (pth_index.h) and touches no tensor.
///
///   PthFile file("pretrain_512.pth");
///   NamedTensors weights = file.tensors(file.root());
///
/// What was read can leave memory again tensor by tensor: `file.map().release(t.const_data_ptr(), t.nbytes())`.
class PthFile {
 public:
  /// Throws Error(kCheckpoint).
  explicit PthFile(const std::string& path);

  const std::string& path() const { return map_->path(); }
  const MappedFile& map() const { return *map_; }

  /// What was saved: a state dict (names to tensors), or a training state of which `root().at("model")` is one. Valid
  /// while this file lives.
  PickleValue root() const { return index_->root(); }

  /// A text beside the pickle (PthWriterOptions::notes), "" when there is none of that name.
  std::string note(const std::string& name) const { return index_->note(name); }

  /// The tensor on the CPU, with its strides, sharing memory with others of the same storage; without a copy where the
  /// file aligns it to its dtype. It keeps the map alive and is for reading: writing to it would fault.
  /// The storage's CRC-32 is checked on its first use. Throws Error(kCheckpoint) when it is wrong, when `value` is no
  /// tensor, and for a bool that is neither 0 nor 1.
  at::Tensor tensor(const PickleValue& value) const;

  /// The tensors of a dict by their keys, in the order of the file, each as by tensor() but with their bytes out of
  /// memory again, so that a file of any size can be listed. Keys of values that are no tensors, and keys that are not
  /// strings, go to `others` where it is given. Throws Error(kCheckpoint) as tensor() does, and when `dict` is none.
  NamedTensors tensors(const PickleValue& dict, std::vector<std::string>* others = nullptr) const;

 private:
  void check_once(const ZipEntry& record, StorageDtype dtype) const;

  std::shared_ptr<const MappedFile> map_;
  std::unique_ptr<const PthIndex> index_;           // values point into it, whoever moves the file
  mutable std::vector<std::atomic<bool>> checked_;  // of each record, whether its bytes are known to be right
};

}  // namespace mm
