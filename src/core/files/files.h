// Files that are either whole or not there, and files mapped for reading.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "core/error.h"

namespace mm {

enum class PathKind { kMissing, kFile, kFolder, kOther };

/// What `path` leads to, links followed. Throws Error(`code`) with the reason when that cannot be told: links in a
/// circle, a folder that may not be entered, a name that is too long.
PathKind path_kind(const std::string& path, ExitCode code);

/// A file that is there and cannot be read, for want of permission or because the disk fails: it may well be whole.
class Unreadable : public Error {
 public:
  using Error::Error;
};

/// The whole file. Throws Error(`code`) when it is missing or larger than `max_bytes`, or a pipe that nothing comes
/// from; Unreadable.
std::string read_file(const std::string& path, ExitCode code, size_t max_bytes = size_t{1} << 30);

/// Writes `path` under another name in the same folder, syncs it and renames it: readers see the old or the new file.
/// Creates missing folders. Throws Error(kStorage) (disk full, not writable) and leaves no temporary file behind.
void write_file_atomic(const std::string& path, std::string_view bytes);

/// Appends whole writes to a file under another name; `commit` syncs and renames it to `path`,
/// destruction without `commit` removes it. What a killed process left of the same file goes first. Throws
/// Error(kStorage).
class AtomicFile {
 public:
  explicit AtomicFile(std::string path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  void write(const void* bytes, size_t count);
  void write(std::string_view bytes) { write(bytes.data(), bytes.size()); }
  void commit();

 private:
  std::string path_;
  std::string temporary_path_;
  int descriptor_ = -1;
};

/// Makes a rename in `folder` durable.
void sync_folder(const std::string& folder);

/// A read-only memory map; an empty file maps to nothing. Throws Error(`code`) when it is missing or no file,
/// Unreadable.
class MappedFile {
 public:
  MappedFile(const std::string& path, ExitCode code);
  ~MappedFile();
  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;

  std::span<const std::byte> bytes() const { return {static_cast<const std::byte*>(data_), size_}; }
  const std::string& path() const { return path_; }

  /// Takes the pages that lie wholly in `bytes` bytes from `begin` out of memory; reading them again reads the file
  /// again. What lies outside the map is left alone, so any pointer will do.
  void release(const void* begin, size_t bytes) const;

  /// Copies `bytes` bytes of the map from `begin` to `into` by reading the file, which costs less than faulting its
  /// pages in. False, with `into` in any state, when they do not lie in the map or cannot be read.
  bool read_into(const void* begin, size_t bytes, void* into) const;

 private:
  std::string path_;
  void* data_ = nullptr;
  size_t size_ = 0;
  int descriptor_ = -1;
};

}  // namespace mm
