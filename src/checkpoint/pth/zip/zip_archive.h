// The entries of a zip archive in memory, read as hostile input. Nothing is unpacked: stored entries are spans of the
// file. Format: https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace mm {

struct ZipEntry {
  std::string_view name;             ///< as the file has it: any bytes, never empty
  std::span<const std::byte> bytes;  ///< the payload; its CRC-32 is checked by ZipArchive::check_crc() only
  uint32_t crc32 = 0;
  uint16_t method = 0;  ///< 0: stored; anything else is compressed, and of no use here
};

class ZipArchive {
 public:
  /// Reads the central directory (ZIP64 or not, any order, any extra fields, any comment) and the header of every
  /// entry, touching no payload. `file` must outlive the archive.
  ///   path  names the file in messages
  /// Throws Error(kCheckpoint), naming the entry, for: a truncated file, bytes after the end, more than one disk or
  /// 1,048,576 entries, encrypted entries, a name twice, two headers that disagree, and entries that leave the
  /// file or overlap each other or the directory.
  ZipArchive(std::span<const std::byte> file, std::string path);

  const std::vector<ZipEntry>& entries() const { return entries_; }  ///< sorted by name
  /// Nothing when there is none of that name.
  const ZipEntry* find(std::string_view name) const;

  /// Throws Error(kCheckpoint), naming it, when an entry is compressed.
  void require_stored() const;

  /// Reads the whole payload of a stored entry. Throws Error(kCheckpoint) when its CRC-32 is not the stored one. An
  /// archive whose stored ones are all zero has none (torch.serialization.set_crc32_options(False)) and is not checked.
  void check_crc(const ZipEntry& entry) const;

 private:
  std::string path_;
  std::vector<ZipEntry> entries_;
  bool has_crc_ = false;
};

}  // namespace mm
