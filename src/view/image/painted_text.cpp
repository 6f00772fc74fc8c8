#include "view/image/painted_text.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "core/characters/visible_text.h"
#include "core/text.h"
#include "view/image/colour_map.h"

namespace mm {
namespace {

/// The nearest entry of the 6 x 6 x 6 cube among the 256 colours of xterm.
int cube_index(Colour colour) {
  static constexpr int kLevels[] = {0, 95, 135, 175, 215, 255};
  const auto nearest = [](int value) {
    const auto* level = std::min_element(std::begin(kLevels), std::end(kLevels),
                                         [&](int a, int b) { return std::abs(a - value) < std::abs(b - value); });
    return static_cast<int>(level - std::begin(kLevels));
  };
  return 16 + 36 * nearest(colour.red) + 6 * nearest(colour.green) + nearest(colour.blue);
}

}  // namespace

std::string painted(const std::string& text, double position, TerminalColours colours) {
  constexpr int kBlack = 16, kWhite = 231;
  if (colours == TerminalColours::kNone) return text;
  const Colour ground = colour_at(position);
  const int ink = position > 0.45 ? kBlack : kWhite;
  const std::string where = colours == TerminalColours::k24Bit
                                ? format("48;2;%d;%d;%d", ground.red, ground.green, ground.blue)
                                : format("48;5;%d", cube_index(ground));
  return format("\x1b[%s;38;5;%dm", where.c_str(), ink) + text;
}

std::string end_of_paint(TerminalColours colours) {
  return colours == TerminalColours::kNone ? "" : "\x1b[0m";
}

std::string painted_by_expert(const std::string& text, int64_t expert, int64_t experts, TerminalColours colours) {
  std::string rows;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    if (end > begin) {
      rows +=
          painted(text.substr(begin, end - begin), expert_position(expert, experts), colours) + end_of_paint(colours);
    }
    if (end < text.size()) rows += '\n';
    begin = end + 1;
  }
  return rows;
}

std::string sample_row(const SampleRecord& sample, int64_t layer, size_t columns, TerminalColours colours) {
  std::string row;
  for (const RoutedPiece& piece : sample.pieces) {
    const std::string text = visible_text(piece.text);
    const int64_t expert = piece.route.main_expert(layer);
    row += expert < 0 ? text : painted_by_expert(text, expert, piece.route.experts_per_layer, colours);
  }
  return cut_to_columns(row, columns);
}

}  // namespace mm
