// Cells are shaded from near white (0) to dark blue (100) and carry their number; lengths are in pixels.
#include "app/three_domains/heat_map.h"

#include <algorithm>

#include "core/text.h"

namespace mm {
namespace {

constexpr int kMargin = 24;
constexpr int kRowNames = 120;
constexpr int kCellWidth = 84;
constexpr int kCellHeight = 48;
constexpr int kLine = 20;
constexpr int kHeader = 60;       ///< title and note of the whole picture
constexpr int kPanelHeader = 76;  ///< title, note and column names of a panel

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char character : text) {
    if (character == '&') {
      safe += "&amp;";
    } else if (character == '<') {
      safe += "&lt;";
    } else if (character == '"') {
      safe += "&quot;";
    } else {
      safe += character;
    }
  }
  return safe;
}

std::string text_at(int x, int y, const std::string& style, const std::string& text) {
  return format("<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style.c_str()) + escaped(text) + "</text>\n";
}

/// A point on the way from near white to dark blue.
std::string shade(double percent) {
  const double part = std::clamp(percent / 100.0, 0.0, 1.0);
  const auto between = [&](int from, int to) { return from + static_cast<int>(part * (to - from)); };
  return format("#%02x%02x%02x", between(0xf2, 0x08), between(0xf6, 0x45), between(0xfb, 0x94));
}

std::string cell_at(int x, int y, double percent) {
  return format("<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>\n", x, y, kCellWidth - 2,
                kCellHeight - 2, shade(percent).c_str()) +
         text_at(x + kCellWidth / 2 - 1, y + kCellHeight / 2 + 5, percent > 50 ? "middle light" : "middle",
                 format("%.0f", percent));
}

size_t note_lines(const HeatMap& map) {
  size_t lines = 0;
  for (const HeatMapPanel& panel : map.panels) {
    for (const auto& note : panel.column_notes) lines = std::max(lines, note.size());
  }
  return lines;
}

std::string panel_at(int left, int top, const HeatMapPanel& panel, const HeatMap& map) {
  std::string svg = text_at(left, top + 16, "strong", panel.title) + text_at(left, top + 36, "quiet", panel.note);
  const int cells_left = left + kRowNames, cells_top = top + kPanelHeader;
  const int cells_bottom = cells_top + kCellHeight * static_cast<int>(map.rows.size());
  const auto middle_of = [&](size_t column) {
    return cells_left + kCellWidth * static_cast<int>(column) + kCellWidth / 2 - 1;
  };
  for (size_t column = 0; column < map.columns.size(); ++column) {
    svg += text_at(middle_of(column), cells_top - 8, "middle", map.columns[column]);
  }
  for (size_t row = 0; row < map.rows.size(); ++row) {
    const int y = cells_top + kCellHeight * static_cast<int>(row);
    svg += text_at(left, y + kCellHeight / 2 + 5, "plain", map.rows[row]);
    for (size_t column = 0; column < map.columns.size(); ++column) {
      svg += cell_at(cells_left + kCellWidth * static_cast<int>(column), y, panel.percent[row][column]);
    }
  }
  svg += text_at(left, cells_bottom + kLine, "quiet", "drawn by");
  for (size_t column = 0; column < panel.column_notes.size(); ++column) {
    int y = cells_bottom + kLine;
    for (const std::string& word : panel.column_notes[column]) {
      svg += text_at(middle_of(column), y, "middle quiet", word);
      y += kLine;
    }
  }
  return svg;
}

}  // namespace

std::string heat_map_svg(const HeatMap& map) {
  const int panel_width = std::max(kRowNames + kCellWidth * static_cast<int>(map.columns.size()), 360);
  const int panel_height =
      kPanelHeader + kCellHeight * static_cast<int>(map.rows.size()) + kLine * static_cast<int>(note_lines(map) + 1);
  const int panels = static_cast<int>(map.panels.size());
  const int width = kMargin + panels * (panel_width + kMargin), height = kMargin + kHeader + panel_height + kMargin;
  std::string svg =
      format("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" viewBox=\"0 0 %d %d\">\n", width,
             height, width, height);
  svg += "<title>" + escaped(map.title) + "</title>\n";
  svg +=
      "<style>text { font: 14px sans-serif; fill: #1b2733; } .title { font-size: 20px; font-weight: bold; }\n"
      ".strong { font-weight: bold; } .middle { text-anchor: middle; } .quiet { fill: #5b6773; } .light { fill: #fff; }"
      "</style>\n";
  svg += format("<rect width=\"%d\" height=\"%d\" fill=\"#fff\"/>\n", width, height);
  svg += text_at(kMargin, kMargin + 18, "title", map.title) + text_at(kMargin, kMargin + 40, "quiet", map.note);
  for (int panel = 0; panel < panels; ++panel) {
    svg += panel_at(kMargin + panel * (panel_width + kMargin), kMargin + kHeader,
                    map.panels[static_cast<size_t>(panel)], map);
  }
  return svg + "</svg>\n";
}

}  // namespace mm
