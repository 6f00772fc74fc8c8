// Linear mixing between the stops.
#include "view/image/colour_map.h"

#include <algorithm>
#include <cmath>

namespace mm {

double colour_position(double share, int64_t experts) {
  return std::clamp(share * static_cast<double>(experts) / 2, 0.0, 1.0);
}

double expert_position(int64_t expert, int64_t experts) {
  return (static_cast<double>(expert) + 0.5) / static_cast<double>(std::max<int64_t>(experts, 1));
}

Colour colour_at(double position) {
  const double place = std::clamp(position, 0.0, 1.0) * static_cast<double>(kColourStops.size() - 1);
  const size_t below = std::min(static_cast<size_t>(place), kColourStops.size() - 2);
  const double part = place - static_cast<double>(below);
  const auto mixed = [&](uint8_t Colour::*channel) {
    const double from = kColourStops[below].*channel, to = kColourStops[below + 1].*channel;
    return static_cast<uint8_t>(std::lround(from + part * (to - from)));
  };
  return {mixed(&Colour::red), mixed(&Colour::green), mixed(&Colour::blue)};
}

const char* level_character(double position, bool utf8) {
  static constexpr std::array<const char*, 9> kBlocks = {"·", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
  static constexpr std::array<const char*, 9> kAscii = {".", ":", "-", "=", "+", "*", "#", "%", "@"};
  const auto level = static_cast<size_t>(std::lround(8 * std::clamp(position, 0.0, 1.0)));
  return utf8 ? kBlocks[level] : kAscii[level];
}

}  // namespace mm
