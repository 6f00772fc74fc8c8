// Heat maps side by side, as one SVG file that needs nothing else.
#pragma once

#include <string>
#include <vector>

namespace mm {

struct HeatMapPanel {
  std::string title;
  std::string note;                                    ///< one line below the title
  std::vector<std::vector<double>> percent;            ///< [row][column] in [0, 100]
  std::vector<std::vector<std::string>> column_notes;  ///< lines below each column
};

struct HeatMap {
  std::string title;
  std::string note;
  std::vector<std::string> rows, columns;  ///< names, the same in every panel
  std::vector<HeatMapPanel> panels;
};

/// An SVG 1.1 document in UTF-8. Every name may hold any character that XML allows.
std::string heat_map_svg(const HeatMap& map);

}  // namespace mm
