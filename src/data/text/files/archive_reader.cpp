// Both libraries check what they unpack against the checksums in the archive.
#include "data/text/files/archive_reader.h"

#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <limits>
#include <new>

namespace mm {
namespace {

class GzipReader final : public ArchiveReader {
 public:
  GzipReader() {
    constexpr int kLargestWindow = 15, kOnlyGzip = 16;
    if (inflateInit2(&stream_, kLargestWindow + kOnlyGzip) != Z_OK) throw std::bad_alloc();
  }
  ~GzipReader() override { inflateEnd(&stream_); }
  GzipReader(const GzipReader&) = delete;
  GzipReader& operator=(const GzipReader&) = delete;

  size_t read(std::span<const std::byte>& archive, std::span<std::byte> room, std::string& problem) override {
    constexpr size_t kMost = std::numeric_limits<uInt>::max();
    if (at_end_) inflateReset(&stream_);  // another member
    // The library does not write to its input.
    stream_.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(archive.data()));
    stream_.avail_in = static_cast<uInt>(std::min(archive.size(), kMost));
    stream_.next_out = reinterpret_cast<Bytef*>(room.data());
    stream_.avail_out = static_cast<uInt>(std::min(room.size(), kMost));
    const uInt offered = stream_.avail_in, free = stream_.avail_out;
    const int result = inflate(&stream_, Z_NO_FLUSH);
    archive = archive.subspan(offered - stream_.avail_in);
    at_end_ = result == Z_STREAM_END;
    if (result == Z_MEM_ERROR) throw std::bad_alloc();
    // Z_BUF_ERROR: nothing more to unpack, which the end of the archive tells apart from damage.
    if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
      problem = std::string("a damaged gzip file (") + (stream_.msg != nullptr ? stream_.msg : "broken data") + ")";
    }
    return free - stream_.avail_out;
  }
  bool at_end() const override { return at_end_; }

 private:
  z_stream stream_ = {};
  bool at_end_ = false;
};

class ZstdReader final : public ArchiveReader {
 public:
  ZstdReader() : stream_(ZSTD_createDCtx()) {
    if (!stream_) throw std::bad_alloc();
  }

  size_t read(std::span<const std::byte>& archive, std::span<std::byte> room, std::string& problem) override {
    ZSTD_inBuffer in = {.src = archive.data(), .size = archive.size(), .pos = 0};
    ZSTD_outBuffer out = {.dst = room.data(), .size = room.size(), .pos = 0};
    const size_t result = ZSTD_decompressStream(stream_.get(), &out, &in);
    archive = archive.subspan(in.pos);
    if (ZSTD_isError(result) != 0) {
      problem = ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge
                    ? "a zstd file that takes more than 128 MiB of memory to unpack"
                    : std::string("a damaged zstd file (") + ZSTD_getErrorName(result) + ")";
    }
    at_end_ = result == 0;
    return out.pos;
  }
  bool at_end() const override { return at_end_; }

 private:
  struct Free {
    void operator()(ZSTD_DCtx* stream) const { ZSTD_freeDCtx(stream); }
  };
  std::unique_ptr<ZSTD_DCtx, Free> stream_;
  bool at_end_ = false;
};

}  // namespace

std::unique_ptr<ArchiveReader> recognize_archive(std::string_view head) {
  if (head.starts_with("\x1f\x8b")) return std::make_unique<GzipReader>();
  if (head.starts_with("\x28\xb5\x2f\xfd")) return std::make_unique<ZstdReader>();
  return nullptr;
}

}  // namespace mm
