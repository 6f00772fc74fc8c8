// Sizes and checksums are known before a header is written, so no entry needs a descriptor behind its payload.
#include "checkpoint/pth/zip/zip_writer.h"

#include <libdeflate.h>

#include <algorithm>

#include "checkpoint/pth/zip/zip_format.h"
#include "core/little_endian.h"

namespace mm {
namespace {

constexpr size_t kAlignment = 64;
constexpr uint16_t kUtf8Flag = 0x0800;
constexpr uint16_t kVersion = 20;
constexpr uint16_t kVersion64 = 45;
constexpr uint16_t kPaddingExtra = 0x4246;  // "FB", as torch.save has it
constexpr uint16_t kDosEpoch = 0x21;        // 1980-01-01: the time of writing is not part of the content

template <class T>
void put(std::string& out, uint64_t value) {
  store_le(out, static_cast<T>(value));
}

std::string zip64_extra(std::initializer_list<uint64_t> numbers) {
  std::string values;
  for (const uint64_t number : numbers) {
    if (number >= kIn64) put<uint64_t>(values, number);
  }
  if (values.empty()) return values;
  std::string extra;
  put<uint16_t>(extra, kZip64Extra);
  put<uint16_t>(extra, values.size());
  return extra + values;
}

/// What a local header and a directory entry have in common, from the version on.
std::string common_header(const ZipRecord& record, const std::string& extra, bool is_zip64) {
  std::string header;
  put<uint16_t>(header, is_zip64 ? kVersion64 : kVersion);
  put<uint16_t>(header, kUtf8Flag);
  put<uint16_t>(header, 0);  // stored
  put<uint16_t>(header, 0);  // midnight
  put<uint16_t>(header, kDosEpoch);
  put<uint32_t>(header, record.crc32);
  put<uint32_t>(header, std::min<uint64_t>(record.bytes, kIn64));
  put<uint32_t>(header, std::min<uint64_t>(record.bytes, kIn64));
  put<uint16_t>(header, record.name.size());
  put<uint16_t>(header, extra.size());
  return header;
}

std::string directory_entry(const ZipRecord& record) {
  const std::string extra = zip64_extra({record.bytes, record.bytes, record.offset});
  std::string entry;
  put<uint32_t>(entry, kCentralSignature);
  put<uint16_t>(entry, kVersion64);  // of the writer
  entry += common_header(record, extra, !extra.empty());
  put<uint16_t>(entry, 0);  // comment
  put<uint16_t>(entry, 0);  // disk
  put<uint16_t>(entry, 0);  // attributes
  put<uint32_t>(entry, 0);
  put<uint32_t>(entry, std::min<uint64_t>(record.offset, kIn64));
  return entry + record.name + extra;
}

std::string end64(uint64_t count, uint64_t bytes, uint64_t offset) {
  std::string end;
  put<uint32_t>(end, kEnd64Signature);
  put<uint64_t>(end, 44);  // of this record from here on
  put<uint16_t>(end, kVersion64);
  put<uint16_t>(end, kVersion64);
  put<uint32_t>(end, 0);  // disks
  put<uint32_t>(end, 0);
  put<uint64_t>(end, count);
  put<uint64_t>(end, count);
  put<uint64_t>(end, bytes);
  put<uint64_t>(end, offset);
  put<uint32_t>(end, kLocatorSignature);
  put<uint32_t>(end, 0);
  put<uint64_t>(end, offset + bytes);
  put<uint32_t>(end, 1);
  return end;
}

}  // namespace

std::string zip_local_header(const ZipRecord& record) {
  std::string extra = zip64_extra({record.bytes, record.bytes});
  const bool is_zip64 = !extra.empty();
  const uint64_t unpadded = record.offset + kLocalBytes + record.name.size() + extra.size() + 4;
  const uint64_t padding = (kAlignment - unpadded % kAlignment) % kAlignment;
  put<uint16_t>(extra, kPaddingExtra);
  put<uint16_t>(extra, padding);
  extra.append(padding, 'Z');

  std::string header;
  put<uint32_t>(header, kLocalSignature);
  return header + common_header(record, extra, is_zip64) + record.name + extra;
}

std::string zip_directory(std::span<const ZipRecord> records, uint64_t offset) {
  std::string directory;
  for (const ZipRecord& record : records) directory += directory_entry(record);
  const uint64_t bytes = directory.size();
  const uint64_t count = records.size();
  if (count >= kIn64Short || bytes >= kIn64 || offset >= kIn64) directory += end64(count, bytes, offset);
  put<uint32_t>(directory, kEndSignature);
  put<uint16_t>(directory, 0);  // disks
  put<uint16_t>(directory, 0);
  put<uint16_t>(directory, std::min<uint64_t>(count, kIn64Short));
  put<uint16_t>(directory, std::min<uint64_t>(count, kIn64Short));
  put<uint32_t>(directory, std::min<uint64_t>(bytes, kIn64));
  put<uint32_t>(directory, std::min<uint64_t>(offset, kIn64));
  put<uint16_t>(directory, 0);  // comment
  return directory;
}

void ZipWriter::add(const std::string& name, std::span<const std::byte> payload) {
  const uint32_t crc32 = libdeflate_crc32(0, payload.data(), payload.size());
  records_.push_back({folder_ + name, payload.size(), crc32, position_});
  write(zip_local_header(records_.back()));
  write({reinterpret_cast<const char*>(payload.data()), payload.size()});
}

void ZipWriter::add(const std::string& name, std::string_view payload) {
  add(name, std::as_bytes(std::span(payload)));
}

void ZipWriter::finish() {
  write(zip_directory(records_, position_));
}

void ZipWriter::write(std::string_view bytes) {
  file_.write(bytes);
  position_ += bytes.size();
}

}  // namespace mm
