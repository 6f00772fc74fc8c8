// From the end record to the directory to every entry; each step is checked against the bytes that there are.
#include "checkpoint/pth/zip/zip_archive.h"

#include <libdeflate.h>

#include <algorithm>
#include <optional>

#include "checkpoint/pth/zip/zip_format.h"
#include "core/error.h"
#include "core/json/json_text.h"
#include "core/little_endian.h"

namespace mm {
namespace {

using Bytes = std::span<const std::byte>;

constexpr size_t kCentralBytes = 46;
constexpr size_t kEndBytes = 22;
constexpr size_t kEnd64Bytes = 56;
constexpr size_t kLocatorBytes = 20;
constexpr size_t kLongestComment = 65535;
constexpr uint64_t kMostEntries = uint64_t{1} << 20;
constexpr uint16_t kEncryptionFlags = 0x2041;  // plain, strong, masked headers
constexpr uint16_t kDescriptorFlag = 0x0008;   // sizes and CRC follow the payload; the local header may have zeros
constexpr const char* kDamagedArchive = "the file is cut short or damaged; take another copy";

struct Directory {
  uint64_t begin = 0;
  uint64_t end = 0;
  uint64_t count = 0;
};

/// What a header says of an entry, with the numbers of a ZIP64 extra field in place.
struct Header {
  std::string_view name;
  uint16_t flags = 0;
  uint16_t method = 0;
  uint32_t crc32 = 0;
  uint64_t stored_bytes = 0;
  uint64_t bytes = 0;
  uint64_t offset = 0;  // of the local header
};

/// An entry with the part of the file that it occupies.
struct Placed {
  ZipEntry entry;
  uint64_t begin = 0;
  uint64_t end = 0;
};

class DirectoryReader {
 public:
  DirectoryReader(Bytes file, const std::string& path) : file_(file), path_(path) {}

  std::vector<ZipEntry> read() {
    const Directory directory = find_directory();
    std::vector<Placed> placed;
    placed.reserve(directory.count);
    uint64_t position = directory.begin;
    for (uint64_t i = 0; i < directory.count; ++i) placed.push_back(read_entry(position, directory));
    if (position != directory.end) {
      refuse("", std::to_string(directory.end - position) + " bytes after the last entry of the directory", "none");
    }
    check_overlaps(placed);

    std::vector<ZipEntry> entries;
    entries.reserve(placed.size());
    for (const Placed& each : placed) entries.push_back(each.entry);
    check_names(entries);
    return entries;
  }

 private:
  [[noreturn]] void refuse(std::string_view entry, const std::string& got, const std::string& want,
                           const char* remedy = kDamagedArchive) const {
    const std::string where = entry.empty() ? path_ : path_ + ":" + show_key(entry);
    throw Error(ExitCode::kCheckpoint, got_want(where, got, want, remedy));
  }

  /// The position of the end record: the last one whose comment reaches exactly to the end of the file.
  size_t find_end() const {
    if (file_.size() < kEndBytes) {
      refuse("", std::to_string(file_.size()) + " bytes", "at least the 22 bytes that end a zip archive");
    }
    const size_t last = file_.size() - kEndBytes;
    const size_t first = last - std::min(last, kLongestComment);
    std::optional<size_t> bytes_after;
    for (size_t position = last + 1; position-- > first;) {
      const std::byte* record = file_.data() + position;
      if (load_le<uint32_t>(record) != kEndSignature) continue;
      const size_t end = position + kEndBytes + load_le<uint16_t>(record + 20);
      if (end == file_.size()) return position;
      if (end < file_.size() && !bytes_after) bytes_after = file_.size() - end;
    }
    if (bytes_after) refuse("", std::to_string(*bytes_after) + " bytes after the end of the archive", "none");
    refuse("", "a zip archive without its end", "a whole file");
  }

  Directory find_directory() const {
    const size_t end = find_end();
    const std::byte* record = file_.data() + end;
    const auto disk = load_le<uint16_t>(record + 4);
    const auto directory_disk = load_le<uint16_t>(record + 6);
    const auto count_here = load_le<uint16_t>(record + 8);
    const auto count = load_le<uint16_t>(record + 10);
    const auto bytes = load_le<uint32_t>(record + 12);
    const auto begin = load_le<uint32_t>(record + 16);

    Directory directory{begin, uint64_t{begin} + bytes, count};
    size_t directory_end = end;
    const bool is_zip64 = end >= kLocatorBytes && load_le<uint32_t>(record - kLocatorBytes) == kLocatorSignature;
    if (is_zip64) {
      directory_end = find_end64(end - kLocatorBytes, directory);
      const bool agree = (count == kIn64Short || count == directory.count) &&
                         (begin == kIn64 || begin == directory.begin) &&
                         (bytes == kIn64 || bytes == directory.end - directory.begin);
      if (!agree) refuse("", "two end records that disagree", "the same directory in both");
    }
    const bool one_disk = (disk == 0 || (is_zip64 && disk == kIn64Short)) &&
                          (directory_disk == 0 || (is_zip64 && directory_disk == kIn64Short)) && count_here == count;
    if (!one_disk) refuse("", "an archive of several disks", "one file");
    if (directory.count > kMostEntries) {
      refuse("", std::to_string(directory.count) + " entries", "at most " + std::to_string(kMostEntries));
    }
    if (directory.end != directory_end) {
      refuse("", "a directory that ends at byte " + std::to_string(directory.end),
             std::to_string(directory_end) + ", where the end record is");
    }
    if (directory.count > (directory.end - directory.begin) / kCentralBytes) {
      refuse("", std::to_string(directory.count) + " entries", "as many as the directory has room for");
    }
    return directory;
  }

  /// Reads the ZIP64 end record that the locator at `locator` names into `directory`; returns where it begins.
  size_t find_end64(size_t locator, Directory& directory) const {
    const std::byte* pointer = file_.data() + locator;
    const auto begin = load_le<uint64_t>(pointer + 8);
    if (begin > locator || locator - begin < kEnd64Bytes) {
      refuse("", "a ZIP64 end record at byte " + std::to_string(begin), "one before its locator");
    }
    const std::byte* record = file_.data() + begin;
    // The record may carry private data at its end; its size does not count the first 12 bytes.
    if (load_le<uint32_t>(record) != kEnd64Signature || load_le<uint64_t>(record + 4) != locator - begin - 12) {
      refuse("", "no ZIP64 end record at byte " + std::to_string(begin), "one, as its locator says");
    }
    const bool one_disk = load_le<uint32_t>(pointer + 4) == 0 && load_le<uint32_t>(pointer + 16) <= 1 &&
                          load_le<uint32_t>(record + 16) == 0 && load_le<uint32_t>(record + 20) == 0 &&
                          load_le<uint64_t>(record + 24) == load_le<uint64_t>(record + 32);
    if (!one_disk) refuse("", "an archive of several disks", "one file");
    const auto bytes = load_le<uint64_t>(record + 40);
    directory.count = load_le<uint64_t>(record + 32);
    directory.begin = load_le<uint64_t>(record + 48);
    if (directory.begin > begin || bytes != begin - directory.begin) {
      refuse("", "a directory of " + std::to_string(bytes) + " bytes at byte " + std::to_string(directory.begin),
             "one that ends at byte " + std::to_string(begin) + ", where the end record is");
    }
    directory.end = begin;
    return begin;
  }

  /// Reads the directory's record at `position`, and the local header that it names, and moves on behind the record.
  Placed read_entry(uint64_t& position, const Directory& directory) const {
    if (directory.end - position < kCentralBytes) refuse("", "a directory that is cut short", "all of its entries");
    const std::byte* record = file_.data() + position;
    if (load_le<uint32_t>(record) != kCentralSignature) {
      refuse("", "no entry at byte " + std::to_string(position) + " of the directory", "one");
    }
    const size_t name_bytes = load_le<uint16_t>(record + 28);
    const size_t extra_bytes = load_le<uint16_t>(record + 30);
    const size_t comment_bytes = load_le<uint16_t>(record + 32);
    if (directory.end - position - kCentralBytes < name_bytes + extra_bytes + comment_bytes) {
      refuse("", "a directory that is cut short", "all of its entries");
    }
    if (name_bytes == 0) refuse("", "an entry without a name", "a name");

    Header header;
    header.name = {reinterpret_cast<const char*>(record) + kCentralBytes, name_bytes};
    header.flags = load_le<uint16_t>(record + 8);
    header.method = load_le<uint16_t>(record + 10);
    header.crc32 = load_le<uint32_t>(record + 16);
    const Bytes extra = file_.subspan(position + kCentralBytes + name_bytes, extra_bytes);
    const auto disk = load_le<uint16_t>(record + 34);
    header.stored_bytes = load_le<uint32_t>(record + 20);
    header.bytes = load_le<uint32_t>(record + 24);
    header.offset = load_le<uint32_t>(record + 42);
    read_zip64(header.name, extra, header.bytes, header.stored_bytes, &header.offset);
    if (disk != 0) refuse(header.name, "an entry on disk " + std::to_string(disk), "one file");
    check_method(header);

    position += kCentralBytes + name_bytes + extra_bytes + comment_bytes;
    return place(header, directory);
  }

  /// Replaces the numbers that are marked as being in the ZIP64 extra field.
  void read_zip64(std::string_view name, Bytes extra, uint64_t& bytes, uint64_t& stored_bytes, uint64_t* offset) const {
    Bytes zip64;
    while (extra.size() >= 4) {
      const auto id = load_le<uint16_t>(extra.data());
      const size_t length = load_le<uint16_t>(extra.data() + 2);
      if (length > extra.size() - 4) refuse(name, "an extra field that is cut short", "a whole one");
      if (id == kZip64Extra) zip64 = extra.subspan(4, length);
      extra = extra.subspan(4 + length);
    }
    for (uint64_t* number : {&bytes, &stored_bytes, offset}) {
      if (number == nullptr || *number != kIn64) continue;
      if (zip64.size() < 8) refuse(name, "no ZIP64 field for its size or place", "one");
      *number = load_le<uint64_t>(zip64.data());
      zip64 = zip64.subspan(8);
    }
  }

  void check_method(const Header& header) const {
    if ((header.flags & kEncryptionFlags) != 0) refuse(header.name, "an encrypted entry", "a plain one");
    if (header.method == 0 && header.stored_bytes != header.bytes) {
      refuse(header.name,
             std::to_string(header.stored_bytes) + " bytes in the file for " + std::to_string(header.bytes) +
                 " bytes of content",
             "the same, as it is stored");
    }
  }

  /// Reads the local header of an entry; the directory's word counts, the local one must not contradict it.
  Placed place(const Header& header, const Directory& directory) const {
    if (header.offset > directory.begin || directory.begin - header.offset < kLocalBytes) {
      refuse(header.name, "a header at byte " + std::to_string(header.offset), "one before the directory");
    }
    const std::byte* record = file_.data() + header.offset;
    if (load_le<uint32_t>(record) != kLocalSignature) {
      refuse(header.name, "no header at byte " + std::to_string(header.offset), "one, as the directory says");
    }
    const uint64_t room = directory.begin - header.offset - kLocalBytes;
    const size_t name_bytes = load_le<uint16_t>(record + 26);
    const size_t extra_bytes = load_le<uint16_t>(record + 28);
    if (room < name_bytes + extra_bytes || room - name_bytes - extra_bytes < header.stored_bytes) {
      refuse(header.name, std::to_string(header.stored_bytes) + " bytes at byte " + std::to_string(header.offset),
             "a payload that ends before the directory");
    }
    check_local_header(header, record, name_bytes, extra_bytes);
    const uint64_t payload = header.offset + kLocalBytes + name_bytes + extra_bytes;
    return {{header.name, file_.subspan(payload, header.stored_bytes), header.crc32, header.method},
            header.offset,
            payload + header.stored_bytes};
  }

  void check_local_header(const Header& header, const std::byte* record, size_t name_bytes, size_t extra_bytes) const {
    const std::string_view name(reinterpret_cast<const char*>(record) + kLocalBytes, name_bytes);
    if (name != header.name) refuse(header.name, "the local name " + show_key(name), "the name in the directory");
    const auto flags = load_le<uint16_t>(record + 6);
    const auto crc32 = load_le<uint32_t>(record + 14);
    uint64_t stored_bytes = load_le<uint32_t>(record + 18);
    uint64_t bytes = load_le<uint32_t>(record + 22);
    const Bytes extra = file_.subspan(header.offset + kLocalBytes + name_bytes, extra_bytes);
    read_zip64(header.name, extra, bytes, stored_bytes, nullptr);
    const bool same_method =
        load_le<uint16_t>(record + 8) == header.method && ((flags ^ header.flags) & kEncryptionFlags) == 0;
    // With a descriptor behind the payload, the header in front of it may leave a number at zero.
    const auto agrees = [&](uint64_t here, uint64_t there) {
      return here == there || (here == 0 && (flags & kDescriptorFlag) != 0);
    };
    if (!same_method || !agrees(stored_bytes, header.stored_bytes) || !agrees(bytes, header.bytes) ||
        !agrees(crc32, header.crc32)) {
      refuse(header.name, "a local header that disagrees with the directory", "the same sizes and method in both");
    }
  }

  void check_overlaps(std::vector<Placed>& placed) const {
    std::sort(placed.begin(), placed.end(), [](const Placed& a, const Placed& b) { return a.begin < b.begin; });
    for (size_t i = 1; i < placed.size(); ++i) {
      if (placed[i].begin < placed[i - 1].end) {
        refuse(placed[i].entry.name, "an entry that overlaps " + show_key(placed[i - 1].entry.name),
               "bytes of its own");
      }
    }
  }

  void check_names(std::vector<ZipEntry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
    const auto twice = std::adjacent_find(entries.begin(), entries.end(),
                                          [](const ZipEntry& a, const ZipEntry& b) { return a.name == b.name; });
    if (twice != entries.end()) refuse(twice->name, "the name twice", "every name once");
  }

  Bytes file_;
  const std::string& path_;
};

}  // namespace

ZipArchive::ZipArchive(std::span<const std::byte> file, std::string path) : path_(std::move(path)) {
  entries_ = DirectoryReader(file, path_).read();
  has_crc_ = std::any_of(entries_.begin(), entries_.end(), [](const ZipEntry& entry) { return entry.crc32 != 0; });
}

void ZipArchive::require_stored() const {
  for (const ZipEntry& entry : entries_) {
    if (entry.method == 0) continue;
    throw Error(
        ExitCode::kCheckpoint,
        got_want(path_ + ":" + show_key(entry.name), "a compressed entry (method " + std::to_string(entry.method) + ")",
                 "stored ones only", "unpack the archive and pack it again with zip -0 -r"));
  }
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

void ZipArchive::check_crc(const ZipEntry& entry) const {
  if (!has_crc_) return;
  const uint32_t crc32 = libdeflate_crc32(0, entry.bytes.data(), entry.bytes.size());
  if (crc32 == entry.crc32) return;
  throw Error(ExitCode::kCheckpoint, got_want(path_ + ":" + show_key(entry.name), "bytes that do not have their CRC-32",
                                              "what was written", kDamagedArchive));
}

}  // namespace mm
