// gzip and zstd: what an archive holds, block by block.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mm {

/// Reads an archive of one member (frame) or several one behind the other, as their own programs do.
class ArchiveReader {
 public:
  virtual ~ArchiveReader() = default;

  /// Takes bytes off the front of `archive` and writes what they hold to `room`; returns how many bytes that are. Sets
  /// `problem`, in the words of a message, where the archive is damaged.
  virtual size_t read(std::span<const std::byte>& archive, std::span<std::byte> room, std::string& problem) = 0;
  /// Whether all that was read of the archive is whole.
  virtual bool at_end() const = 0;
};

/// Null when the file that begins so is no such archive.
std::unique_ptr<ArchiveReader> recognize_archive(std::string_view head);

}  // namespace mm
