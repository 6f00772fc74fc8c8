// Heat maps as images: colours, cells, and PNG files.
#include "view/image/load_image.h"

#include <gtest/gtest.h>
#include <libdeflate.h>

namespace mm {
namespace {

double brightness(const Colour& colour) {
  return 0.2126 * colour.red + 0.7152 * colour.green + 0.0722 * colour.blue;
}

bool same(const Colour& a, const Colour& b) {
  return a.red == b.red && a.green == b.green && a.blue == b.blue;
}

TEST(ColourMap, GetsBrighterWithTheShare) {
  for (int i = 1; i <= 100; ++i) EXPECT_GT(brightness(colour_at(i / 100.0)), brightness(colour_at((i - 1) / 100.0)));
}

TEST(ColourMap, AFairShareIsTheMiddleAndTwoOfThemAreTheEnd) {
  EXPECT_EQ(colour_position(0, 8), 0);
  EXPECT_EQ(colour_position(1.0 / 8, 8), 0.5);
  EXPECT_EQ(colour_position(0.9, 8), 1);
}

TEST(LoadImage, ARowIsALayerAndAColumnAnExpert) {
  const Image image = load_image({2, 3, {0, 1, 1, 2, 0, 0}});
  ASSERT_EQ(image.width, 96);
  ASSERT_EQ(image.height, 64);
  const auto pixel = [&](int64_t layer, int64_t expert) {
    return image.pixels[static_cast<size_t>((layer * 32 + 31) * image.width + expert * 32 + 31)];
  };
  EXPECT_TRUE(same(pixel(0, 0), colour_at(0)));
  EXPECT_TRUE(same(pixel(0, 1), colour_at(0.75)));
  EXPECT_TRUE(same(pixel(1, 0), colour_at(1)));
  EXPECT_TRUE(same(pixel(1, 2), colour_at(0)));
}

TEST(Png, HoldsThePixelsRowByRowBehindAFilterByte) {
  const std::string png = encode_png({2, 1, {{1, 2, 3}, {4, 5, 6}}});
  EXPECT_EQ(png.substr(0, 8), "\x89PNG\r\n\x1a\n");
  const std::string header("\0\0\0\x0dIHDR\0\0\0\2\0\0\0\1\x08\2\0\0\0", 21);
  EXPECT_EQ(png.substr(8, header.size()), header);

  const size_t start = png.find("IDAT") + 4, end = png.size() - 12 - 4;
  std::string rows(7, '?');
  libdeflate_decompressor* decompressor = libdeflate_alloc_decompressor();
  EXPECT_EQ(
      libdeflate_zlib_decompress(decompressor, png.data() + start, end - start, rows.data(), rows.size(), nullptr),
      LIBDEFLATE_SUCCESS);
  libdeflate_free_decompressor(decompressor);
  EXPECT_EQ(rows, std::string("\0\1\2\3\4\5\6", 7));
  // The CRC of an empty IEND.
  EXPECT_EQ(png.substr(png.size() - 4), "\xae\x42\x60\x82");
}

}  // namespace
}  // namespace mm
