// Curves over steps as inline SVG.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "view/series.h"

namespace mm {

struct Curve {
  std::string name;
  size_t run = 0;       ///< which of the page's runs it is of
  int colour = 0;       ///< which of the page's colours
  bool dashed = false;  ///< a second curve of the same colour, which the legend leaves out
  bool band = true;
  std::string field = {};  ///< of the run's files, for the CSV file; empty where they have no such number
  std::vector<Bucket> buckets = {};
};

/// A value that a curve is read by: a floor, a fair share, where an alarm begins.
struct Frame {
  double value = 0;
  std::string name;    ///< stands above its line
  bool below = false;  ///< or below it, where curves run close above
};

struct LineChart {
  std::string title;
  std::string unit;  ///< empty for a bare number
  std::vector<Curve> curves = {};
  std::vector<Frame> frames = {};   ///< a line each, where they do not flatten the curves
  std::vector<int64_t> marks = {};  ///< steps at which a run was resumed
  int64_t last_step = 1;
  bool from_zero = false;  ///< the vertical axis shows 0
};

/// A `<figure>`: the means as lines, with least and greatest of each bucket as a band behind them. A band that
/// leaves the axis is cut off. The page's script draws it anew for other axes; without it the chart stands as it is.
/// Names and titles are escaped. Empty when no curve has a value.
std::string line_chart(const LineChart& chart);

}  // namespace mm
