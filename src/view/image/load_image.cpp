// Cells blown up to squares of pixels.
#include "view/image/load_image.h"

#include <algorithm>

#include "metrics/load_statistics.h"

namespace mm {

Image load_image(const ExpertLoad& load) {
  constexpr int64_t kLongestSide = 1024, kLargestCell = 32;
  const int64_t cell = std::clamp<int64_t>(kLongestSide / std::max(load.layers, load.experts), 1, kLargestCell);
  const LoadStatistics statistics = load_statistics(load);
  Image image{load.experts * cell, load.layers * cell, {}};
  image.pixels.reserve(static_cast<size_t>(image.width * image.height));
  for (int64_t y = 0; y < image.height; ++y) {
    const std::vector<double>& shares = statistics.layers[static_cast<size_t>(y / cell)].shares;
    for (int64_t x = 0; x < image.width; ++x) {
      image.pixels.push_back(colour_at(colour_position(shares[static_cast<size_t>(x / cell)], load.experts)));
    }
  }
  return image;
}

}  // namespace mm
