// Zip archives as torch.save lays them out: entries stored, each payload at a multiple of 64 bytes.
// Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/files/files.h"

namespace mm {

/// An entry as the headers describe it.
struct ZipRecord {
  std::string name;
  uint64_t bytes = 0;
  uint32_t crc32 = 0;
  uint64_t offset = 0;  ///< of its local header, in bytes from the start of the file
};

/// The header in front of a payload, padded so that the payload begins at a multiple of 64 bytes.
std::string zip_local_header(const ZipRecord& record);

/// The directory and the end of an archive whose records end at `offset`. ZIP64 where a number needs it.
std::string zip_directory(std::span<const ZipRecord> records, uint64_t offset);

/// Writes an archive front to back. The same entries give the same bytes.
class ZipWriter {
 public:
  /// `folder` stands in front of every name. `file` must outlive the writer and stay open until finish().
  ZipWriter(AtomicFile& file, std::string folder) : file_(file), folder_(std::move(folder)) {}

  /// Throws Error(kStorage).
  void add(const std::string& name, std::span<const std::byte> payload);
  void add(const std::string& name, std::string_view payload);
  /// Writes the directory; committing the file is left to its owner. Throws Error(kStorage).
  void finish();

 private:
  void write(std::string_view bytes);

  AtomicFile& file_;
  std::string folder_;
  std::vector<ZipRecord> records_;
  uint64_t position_ = 0;
};

}  // namespace mm
