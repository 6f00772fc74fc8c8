// Axes with round numbers, lines, bands.
#include "view/report/sections/charts/line_chart.h"

#include <algorithm>
#include <cmath>

#include "core/text.h"
#include "view/report/sections/html.h"

namespace mm {
namespace {

constexpr double kWidth = 640, kHeight = 240;
constexpr double kLeft = 58, kRight = 20, kTop = 10, kBottom = 28;
constexpr int kColours = 8;

struct Axis {
  double low = 0, high = 1;   // values
  double start = 0, end = 1;  // pixels
  double at(double value) const { return start + (value - low) / (high - low) * (end - start); }
};

/// About `count` round numbers within the axis.
std::vector<double> ticks(const Axis& axis, int count) {
  const double rough = (axis.high - axis.low) / count;
  const double power = std::pow(10, std::floor(std::log10(rough)));
  const double digit = rough / power;
  const double distance = power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  std::vector<double> values;
  const auto first = std::ceil(axis.low / distance - 1e-9), last = std::floor(axis.high / distance + 1e-9);
  for (double i = first; i <= last; ++i) values.push_back(i * distance + 0.0);  // turns -0 into 0
  return values;
}

/// Spans the means, and the bands as far as they reach on average: a few outliers must not flatten everything else.
Axis value_axis(const LineChart& chart) {
  double low = INFINITY, high = -INFINITY;
  for (const Curve& curve : chart.curves) {
    double lowest = 0, highest = 0;
    for (const Bucket& bucket : curve.buckets) {
      low = std::min(low, bucket.mean());
      high = std::max(high, bucket.mean());
      lowest += bucket.min / static_cast<double>(curve.buckets.size());
      highest += bucket.max / static_cast<double>(curve.buckets.size());
    }
    if (curve.buckets.empty() || !curve.band) continue;
    low = std::min(low, lowest);
    high = std::max(high, highest);
  }
  if (chart.from_zero) low = std::min(low, 0.0);
  for (const Frame& frame : chart.frames) {
    // At most half as much again for its sake.
    const double least = std::min(low, frame.value), most = std::max(high, frame.value);
    if (most - least > 1.5 * (high - low)) continue;
    low = least;
    high = most;
  }
  // What differs by rounding alone is flat: ticks that close could not be counted in doubles.
  const double size = std::max(std::fabs(low), std::fabs(high));
  const double span = high - low > 1e-9 * size ? high - low : std::max(size, 1.0) * 0.1;
  const double padding = 0.05 * span;
  return {chart.from_zero && low == 0 ? 0 : low - padding, high + padding, kHeight - kBottom, kTop};
}

std::string number_label(double value) {
  const double size = std::fabs(value);
  if (size >= 1e9) return format("%.4gG", value / 1e9);
  if (size >= 1e6) return format("%.4gM", value / 1e6);
  if (size >= 1e3) return format("%.4gk", value / 1e3);
  return format(size < 0.001 ? "%.3g" : "%.4g", value);
}

std::string point(const Axis& x, const Axis& y, double step, double value) {
  return format("%.1f,%.2f ", x.at(step), std::clamp(y.at(value), -kHeight, 2 * kHeight));
}

double middle(const Bucket& bucket) {
  return 0.5 * static_cast<double>(bucket.first_step) + 0.5 * static_cast<double>(bucket.last_step);
}

std::string band(const Curve& curve, const Axis& x, const Axis& y) {
  const bool flat = std::all_of(curve.buckets.begin(), curve.buckets.end(),
                                [](const Bucket& bucket) { return bucket.min == bucket.max; });
  if (flat || !curve.band) return "";
  std::string points;
  for (const Bucket& bucket : curve.buckets) points += point(x, y, middle(bucket), bucket.max);
  for (auto bucket = curve.buckets.rbegin(); bucket != curve.buckets.rend(); ++bucket) {
    points += point(x, y, middle(*bucket), bucket->min);
  }
  return format("<polygon class=\"band c%d\" data-run=\"%zu\" points=\"", curve.colour % kColours, curve.run) + points +
         "\"/>\n";
}

std::string line(const Curve& curve, const Axis& x, const Axis& y) {
  const int colour = curve.colour % kColours;
  std::string points;
  for (const Bucket& bucket : curve.buckets) points += point(x, y, middle(bucket), bucket.mean());
  std::string svg = format("<polyline class=\"line c%d%s\" data-run=\"%zu\" data-name=\"", colour,
                           curve.dashed ? " dashed" : "", curve.run) +
                    escape_html(curve.name) + "\" data-field=\"" + escape_html(curve.field) + "\" points=\"" + points +
                    "\"/>\n";
  constexpr size_t kFewPoints = 40;
  if (curve.buckets.size() > kFewPoints) return svg;
  for (const Bucket& bucket : curve.buckets) {
    svg += format("<circle class=\"c%d\" data-run=\"%zu\" cx=\"%.1f\" cy=\"%.1f\" r=\"2\"/>", colour, curve.run,
                  x.at(middle(bucket)), y.at(bucket.mean()));
  }
  return svg + "\n";
}

std::string axes(const Axis& x, const Axis& y) {
  std::string svg = "<g class=\"axis\">";
  for (const double value : ticks(y, 5)) {
    svg += format("<line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" y2=\"%.1f\"/>", x.start, x.end, y.at(value), y.at(value));
    svg += format("<text class=\"y\" x=\"%.0f\" y=\"%.1f\">%s</text>", kLeft - 6, y.at(value) + 4,
                  number_label(value).c_str());
  }
  for (const double step : ticks(x, 8)) {
    svg += format("<text class=\"x\" x=\"%.1f\" y=\"%.0f\">%s</text>", x.at(step), kHeight - 10,
                  number_label(step).c_str());
  }
  return svg + "</g>\n";
}

std::string frames(const LineChart& chart, const Axis& x, const Axis& y) {
  std::string svg;
  for (const Frame& frame : chart.frames) {
    if (frame.value < y.low || frame.value > y.high) continue;
    const double name_at = frame.below ? 16 : -4;
    svg += format(
        "<g class=\"frame\" data-value=\"%.9g\" data-name-at=\"%g\"><line x1=\"%.0f\" x2=\"%.0f\" y1=\"%.1f\" "
        "y2=\"%.1f\"/>",
        frame.value, name_at, x.start, x.end, y.at(frame.value), y.at(frame.value));
    svg += format("<text x=\"%.0f\" y=\"%.1f\">", x.end - 4, y.at(frame.value) + name_at) + escape_html(frame.name) +
           "</text></g>\n";
  }
  return svg;
}

std::string legend(const LineChart& chart) {
  std::string html;
  for (const Curve& curve : chart.curves) {
    if (curve.buckets.empty() || curve.name.empty() || curve.dashed) continue;
    html += format("<span data-run=\"%zu\"><span class=\"key c%d\"></span>", curve.run, curve.colour % kColours) +
            escape_html(curve.name) + " </span>";
  }
  return html;
}

}  // namespace

std::string line_chart(const LineChart& chart) {
  const bool empty =
      std::all_of(chart.curves.begin(), chart.curves.end(), [](const Curve& curve) { return curve.buckets.empty(); });
  if (empty) return "";
  const Axis x{0, static_cast<double>(std::max<int64_t>(chart.last_step, 1)), kLeft, kWidth - kRight};
  const Axis y = value_axis(chart);
  std::string svg = "<figure class=\"chart\"><figcaption><b>" + escape_html(chart.title) + "</b>";
  if (!chart.unit.empty()) svg += " <i>" + escape_html(chart.unit) + "</i>";
  svg += "<span class=\"legend\">" + legend(chart) + "</span><output></output></figcaption>\n";
  svg += format(
      "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" tabindex=\"0\"%s data-x=\"%.9g %.9g %.9g %.9g\" data-y=\"%.9g %.9g "
      "%.9g %.9g\">",
      kWidth, kHeight, chart.from_zero ? " data-zero" : "", x.low, x.high, x.start, x.end, y.low, y.high, y.start,
      y.end);
  svg += "<title>" + escape_html(chart.title) + "</title>" + axes(x, y) + frames(chart, x, y);
  svg += format("<svg x=\"%.0f\" y=\"%.0f\" width=\"%.0f\" height=\"%.0f\" viewBox=\"%.0f %.0f %.0f %.0f\">", kLeft,
                kTop, kWidth - kLeft - kRight, kHeight - kTop - kBottom, kLeft, kTop, kWidth - kLeft - kRight,
                kHeight - kTop - kBottom);
  for (const int64_t step : chart.marks) {
    const double at = x.at(static_cast<double>(step));
    svg += format(
        "<line class=\"resume\" data-step=\"%lld\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%.0f\"><title>resumed at step "
        "%lld</title></line>",
        static_cast<long long>(step), at, at, kHeight, static_cast<long long>(step));
  }
  for (const Curve& curve : chart.curves) svg += band(curve, x, y);
  for (const Curve& curve : chart.curves) {
    if (!curve.buckets.empty()) svg += line(curve, x, y);
  }
  return svg + "</svg></svg></figure>\n";
}

}  // namespace mm
