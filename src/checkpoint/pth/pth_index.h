// A PyTorch `.pth` file in memory: its zip archive and its pickle, checked against each other. No LibTorch.
// Format: reference implementation torch.save / torch.load of PyTorch >= 1.6.
#pragma once

#include <cstddef>
#include <span>
#include <string>

#include "checkpoint/pth/pickle/pickle_tree.h"
#include "checkpoint/pth/zip/zip_archive.h"

namespace mm {

/// Where texts beside the pickle lie in the archive.
inline constexpr std::string_view kNoteFolder = "extra/";

class PthIndex {
 public:
  /// Reads and checks everything but the bytes of tensors. `file` must outlive the index and every value of it.
  ///   path  names the file in messages
  /// Throws Error(kCheckpoint) for whatever ZipArchive and read_pickle() refuse, and when: the file is of another kind
  /// (it is told which: the format of PyTorch before 1.6, TorchScript, safetensors, gzip, text, ...); it was written
  /// big-endian; a tensor's storage has no record or one of another length; a view has negative numbers, leaves its
  /// storage or has more elements than it (an expanded one); or all tensors together are more than 16 times the file.
  PthIndex(std::span<const std::byte> file, std::string path);

  const std::string& path() const { return tree_.name; }
  PickleValue root() const { return PickleValue(tree_, tree_.root); }

  /// The record that holds the storage of a tensor of this file; its CRC-32 is unchecked.
  const ZipEntry& record(const PickleTensor& tensor) const;
  size_t record_count() const { return archive_.entries().size(); }
  /// The text of the record `extra/<name>`, "" when there is none. Throws Error(kCheckpoint) when its CRC-32 is wrong
  /// or when it is longer than any note.
  std::string note(const std::string& name) const;
  /// Below record_count(), another one for every record.
  size_t number_of(const ZipEntry& record) const { return static_cast<size_t>(&record - archive_.entries().data()); }
  /// Reads a whole record. Throws Error(kCheckpoint) when its CRC-32 is wrong.
  void check_crc(const ZipEntry& record) const { archive_.check_crc(record); }

 private:
  std::string record_name(const PickleTensor& tensor) const;
  void check_tensors(const PickleValue& value, uint64_t most_bytes, uint64_t& bytes) const;
  uint64_t check_tensor(const PickleValue& value) const;

  ZipArchive archive_;
  std::string folder_;  // in the archive, with the slash at its end; may be empty
  PickleTree tree_;
};

}  // namespace mm
