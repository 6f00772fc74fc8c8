// What other programs write: archives, and numbers one behind the other.
#pragma once

#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

inline std::string gzipped(const std::string& text) {
  constexpr int kLevel = 6, kLargestWindow = 15, kGzip = 16, kMemory = 8;
  z_stream stream = {};
  deflateInit2(&stream, kLevel, Z_DEFLATED, kLargestWindow + kGzip, kMemory, Z_DEFAULT_STRATEGY);
  std::string archive(deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(archive.data());
  stream.avail_out = static_cast<uInt>(archive.size());
  deflate(&stream, Z_FINISH);
  archive.resize(stream.total_out);
  deflateEnd(&stream);
  return archive;
}

/// With a checksum, as the program `zstd` writes it.
inline std::string zstandard(const std::string& text) {
  std::string archive(ZSTD_compressBound(text.size()), '\0');
  ZSTD_CCtx* const context = ZSTD_createCCtx();
  ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  archive.resize(ZSTD_compress2(context, archive.data(), archive.size(), text.data(), text.size()));
  ZSTD_freeCCtx(context);
  return archive;
}

/// As numbers of type T, little-endian.
template <class T>
std::string bytes_of(const std::vector<uint64_t>& numbers) {
  std::string bytes;
  for (const uint64_t number : numbers) {
    const T value = static_cast<T>(number);
    bytes.append(reinterpret_cast<const char*>(&value), sizeof(value));
  }
  return bytes;
}

}  // namespace mm
