// PNG files, as far as heat maps need them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "view/image/colour_map.h"

namespace mm {

/// An image of `width` x `height` pixels, row by row from the top.
struct Image {
  int64_t width = 0;
  int64_t height = 0;
  std::vector<Colour> pixels;
};

/// The bytes of a PNG file: 8 bits a channel, no transparency, compressed. Wants an image that is not empty.
/// W3C, "Portable Network Graphics (PNG) Specification", third edition.
std::string encode_png(const Image& image);

}  // namespace mm
