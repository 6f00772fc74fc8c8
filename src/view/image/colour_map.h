// The colours of every heat map: a share of tokens as a colour that the colour-blind can order too; and the characters
// of those that have none.
#pragma once

#include <array>
#include <cstdint>

namespace mm {

struct Colour {
  uint8_t red, green, blue;
};

/// Dark violet over blue and green to light yellow, evenly brighter (a straight line in OKLCH lightness): its order
/// survives grey print and colour blindness. Between two of them colours are mixed linearly.
inline constexpr std::array<Colour, 9> kColourStops = {{{43, 0, 81},
                                                        {40, 35, 121},
                                                        {1, 73, 143},
                                                        {4, 107, 143},
                                                        {7, 138, 151},
                                                        {14, 171, 152},
                                                        {86, 200, 136},
                                                        {170, 219, 119},
                                                        {242, 234, 116}}};

/// Where on the map `share` stands: 0 for none, 0.5 for a fair share, 1 for two fair shares and more.
///   experts  among which a fair share is 1 / experts
double colour_position(double share, int64_t experts);

/// Where the colour of an expert stands: those of a layer lie evenly on the map, from the first to the last.
double expert_position(int64_t expert, int64_t experts);

/// The colour at `position`, in [0, 1] or clamped to it.
Colour colour_at(double position);

/// The same as one of nine characters: blocks of rising height in UTF-8, `.:-=+*#%@` in ASCII.
const char* level_character(double position, bool utf8);

}  // namespace mm
