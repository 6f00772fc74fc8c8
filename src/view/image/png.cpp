// Signature, IHDR, one IDAT, IEND; the deflate stream and the CRCs are libdeflate's.
#include "view/image/png.h"

#include <libdeflate.h>

#include <memory>
#include <string_view>

#include "core/error.h"

namespace mm {
namespace {

std::string big_endian(uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(value >> shift);
  return bytes;
}

std::string chunk(std::string_view type, std::string_view data) {
  std::string checked(type);
  checked += data;
  return big_endian(static_cast<uint32_t>(data.size())) + checked +
         big_endian(libdeflate_crc32(0, checked.data(), checked.size()));
}

/// Every row opens with its filter: 0, none. Heat maps are runs of equal pixels, which deflate likes as they are.
std::string scanlines(const Image& image) {
  std::string bytes;
  bytes.reserve(static_cast<size_t>(image.height * (1 + 3 * image.width)));
  for (int64_t y = 0; y < image.height; ++y) {
    bytes += '\0';
    for (int64_t x = 0; x < image.width; ++x) {
      const Colour pixel = image.pixels[static_cast<size_t>(y * image.width + x)];
      for (const uint8_t channel : {pixel.red, pixel.green, pixel.blue}) bytes += static_cast<char>(channel);
    }
  }
  return bytes;
}

std::string zlib_stream(std::string_view bytes) {
  constexpr int kLevel = 6;
  const std::unique_ptr<libdeflate_compressor, decltype(&libdeflate_free_compressor)> compressor(
      libdeflate_alloc_compressor(kLevel), &libdeflate_free_compressor);
  require(compressor != nullptr, "no memory for a compressor");
  std::string compressed(libdeflate_zlib_compress_bound(compressor.get(), bytes.size()), '\0');
  compressed.resize(
      libdeflate_zlib_compress(compressor.get(), bytes.data(), bytes.size(), compressed.data(), compressed.size()));
  require(!compressed.empty(), "an image did not fit its compression bound");
  return compressed;
}

}  // namespace

std::string encode_png(const Image& image) {
  constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
  // 8 bits a channel, colour type RGB, deflate, adaptive filters, not interlaced.
  constexpr std::string_view kFormat("\x08\x02\x00\x00\x00", 5);
  const std::string header =
      big_endian(static_cast<uint32_t>(image.width)) + big_endian(static_cast<uint32_t>(image.height));
  return std::string(kSignature) + chunk("IHDR", header + std::string(kFormat)) +
         chunk("IDAT", zlib_stream(scanlines(image))) + chunk("IEND", "");
}

}  // namespace mm
