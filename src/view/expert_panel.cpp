// Layout: legend, expert numbers, layers, loss, progress.
#include "view/expert_panel.h"

#include <algorithm>
#include <cstdlib>
#include <numeric>

#include "core/text.h"
#include "metrics/load_statistics.h"
#include "view/image/colour_map.h"
#include "view/image/painted_text.h"

namespace mm {
namespace {

constexpr size_t kMessageRows = 3;  // of the terminal, left to what else is said
constexpr size_t kLabelColumns = 3;
constexpr size_t kSummaryColumns = 12;
constexpr size_t kWidestCell = 7;
constexpr size_t kNarrowestNumber = 3;  // columns of a cell that holds a number
constexpr size_t kNumberAndCharacter = 7;

/// How the experts of a layer are laid out.
struct Grid {
  size_t experts;
  size_t cell_columns;
  size_t cells_per_row;

  size_t rows_per_layer() const { return (experts + cells_per_row - 1) / cells_per_row; }
};

Grid grid_of(size_t experts, size_t columns) {
  const size_t around = kLabelColumns + kSummaryColumns;
  const size_t room = columns > around ? columns - around : 1;
  const size_t cell = std::clamp<size_t>(room / experts, 1, kWidestCell);
  return {experts, cell, std::min(experts, room / cell)};
}

/// `share` in percent, right-aligned with a space in front; with a decimal where there is room for it.
std::string number(double share, size_t columns) {
  std::string digits = format("%.1f", 100 * share);
  if (digits.size() >= columns) digits = format("%.0f", 100 * share);
  return format("%*s", static_cast<int>(columns), digits.c_str());
}

std::string repeated(const std::string& text, size_t times) {
  std::string result;
  for (size_t i = 0; i < times; ++i) result += text;
  return result;
}

std::string cell(double share, const Grid& grid, const PanelStyle& style) {
  const double position = colour_position(share, static_cast<int64_t>(grid.experts));
  const size_t columns = grid.cell_columns;
  const bool coloured = style.colours != TerminalColours::kNone, numbered = columns >= kNarrowestNumber;
  const std::string character = share == 0 ? "x" : level_character(position, style.utf8);
  if (!numbered) {
    const std::string text = coloured && share > 0 ? " " : character;
    return coloured ? painted(repeated(text, columns), position, style.colours) : repeated(text, columns);
  }
  const bool spacious = columns >= kNumberAndCharacter;
  std::string text = spacious ? number(share, columns - 1) : number(share, columns);
  if (share == 0) text = format("%*s", static_cast<int>(text.size()), "x");
  if (spacious) text += coloured || share == 0 ? " " : character;
  return coloured ? painted(text, position, style.colours) : text;
}

/// `0% ■■■■■■■■■ fair 12.5% ■■■■■■■■■ 25% and more, x no token`
std::string legend(size_t experts, const PanelStyle& style) {
  constexpr int kSteps = 9;
  const auto scale = [&](double from, double to) {
    std::string cells;
    for (int i = 0; i < kSteps; ++i) {
      const double position = from + (to - from) * i / (kSteps - 1);
      cells += painted(style.colours == TerminalColours::kNone ? level_character(position, style.utf8) : " ", position,
                       style.colours);
    }
    return cells + end_of_paint(style.colours);
  };
  const double fair = 100.0 / static_cast<double>(experts);
  return "share of tokens: 0% " + scale(0, 0.5) + format(" fair %.3g%% ", fair) + scale(0.5, 1) +
         format(" %.3g%%+, x no token", 2 * fair);
}

std::string header(const Grid& grid) {
  constexpr size_t kStride = 8;  // of the numbers above cells that are narrower than they
  std::string row(kLabelColumns, ' ');
  for (size_t expert = 0; expert < grid.cells_per_row; ++expert) {
    if (grid.cell_columns >= kNarrowestNumber) {
      const int behind = grid.cell_columns >= kNumberAndCharacter ? 1 : 0;
      row += format("%*zu%*s", static_cast<int>(grid.cell_columns) - behind, expert, behind, "");
    } else if (expert % kStride == 0) {
      const size_t columns = grid.cell_columns * std::min(kStride, grid.cells_per_row - expert);
      row += format("%-*zu", static_cast<int>(columns), expert).substr(0, columns);
    }
  }
  return row + "    max dead";
}

/// The rows of one layer.
void add_layer(std::vector<std::string>& rows, size_t number, const LayerLoadStatistics& statistics, const Grid& grid,
               const PanelStyle& style) {
  for (size_t first = 0; first < grid.experts; first += grid.cells_per_row) {
    std::string row = first == 0 ? format("%2zu ", number) : std::string(kLabelColumns, ' ');
    const size_t end = std::min(grid.experts, first + grid.cells_per_row);
    for (size_t expert = first; expert < end; ++expert) row += cell(statistics.shares[expert], grid, style);
    row += end_of_paint(style.colours);
    if (first == 0) row += format(" %5.2fx %4lld", statistics.max_over_mean, static_cast<long long>(statistics.dead));
    rows.push_back(row);
  }
}

std::string hidden_layers(const LoadStatistics& statistics, const std::vector<size_t>& shown) {
  double most = 0;
  int64_t dead = 0;
  for (size_t layer = 0; layer < statistics.layers.size(); ++layer) {
    if (std::binary_search(shown.begin(), shown.end(), layer)) continue;
    most = std::max(most, statistics.layers[layer].max_over_mean);
    dead += statistics.layers[layer].dead;
  }
  return format("   and %zu more layers: max %.2fx, dead %lld", statistics.layers.size() - shown.size(), most,
                static_cast<long long>(dead));
}

}  // namespace

void ExpertPanel::add(const StepRecord& record) {
  constexpr double kNewest = 0.1;  // weight of a step in the smoothed state of a layer
  if (first_step_ == 0) first_step_ = record.step;
  loss_.add(record.step - first_step_, record.loss);
  load_ = record.load;
  const LoadStatistics statistics = load_statistics(load_);
  const bool first = badness_.size() != statistics.layers.size();
  badness_.resize(statistics.layers.size());
  for (size_t i = 0; i < badness_.size(); ++i) {
    const LayerLoadStatistics& layer = statistics.layers[i];
    const double now = layer.max_over_mean + static_cast<double>(layer.dead);
    badness_[i] += (first ? 1 : kNewest) * (now - badness_[i]);
  }
}

void ExpertPanel::add(const SampleRecord& record) {
  sample_ = record;
}

std::string ExpertPanel::sample_of_last_layer(size_t columns, TerminalColours colours) const {
  const int64_t last = load_.first_layer + load_.layers - 1;
  const std::string label = format("sample, layer %lld: ", static_cast<long long>(last));
  return label + sample_row(sample_, last, columns - std::min(columns, label.size()), colours);
}

std::string ExpertPanel::draw(const std::vector<std::string>& progress, const PanelStyle& style) const {
  // The log leaves the last column free, and cuts what is wider.
  const size_t columns = std::max<size_t>(style.size.columns, 2) - 1;
  const std::vector<std::string> below = rows_of_parts(progress, columns);
  const bool has_sample = !sample_.pieces.empty() && style.colours != TerminalColours::kNone;
  const size_t taken = below.size() + 1 + (has_sample ? 1 : 0) + kMessageRows;
  const size_t room = style.size.rows > taken ? style.size.rows - taken : 0;
  std::vector<std::string> rows = heat_map(style, room);
  if (room > 0 && !loss_.empty()) rows.push_back(loss_row(style.utf8));
  if (has_sample) rows.push_back(sample_of_last_layer(columns, style.colours));
  rows.insert(rows.end(), below.begin(), below.end());
  return join(rows, "\n");
}

std::vector<std::string> ExpertPanel::heat_map(const PanelStyle& style, size_t most_rows) const {
  constexpr size_t kHeadRows = 2;
  if (load_.empty()) return {};
  const LoadStatistics statistics = load_statistics(load_);
  const auto experts = static_cast<size_t>(load_.experts);
  const Grid grid = grid_of(experts, style.size.columns - 1);
  const size_t room = most_rows > kHeadRows ? most_rows - kHeadRows : 0;
  const size_t layers = statistics.layers.size();
  const bool all = layers * grid.rows_per_layer() <= room;
  const size_t fitting = all ? layers : (room > 0 ? room - 1 : 0) / grid.rows_per_layer();
  if (fitting == 0) return {};

  std::vector<std::string> rows = {legend(experts, style), header(grid)};
  const std::vector<size_t> shown = worst_layers(fitting);
  for (const size_t row : shown) {
    add_layer(rows, static_cast<size_t>(load_.first_layer) + row, statistics.layers[row], grid, style);
  }
  if (!all) rows.push_back(hidden_layers(statistics, shown));
  return rows;
}

std::vector<size_t> ExpertPanel::worst_layers(size_t count) const {
  std::vector<size_t> layers(badness_.size());
  std::iota(layers.begin(), layers.end(), size_t{0});
  std::stable_sort(layers.begin(), layers.end(), [&](size_t a, size_t b) { return badness_[a] > badness_[b]; });
  layers.resize(count);
  std::sort(layers.begin(), layers.end());
  return layers;
}

std::string ExpertPanel::loss_row(bool utf8) const {
  const std::vector<Bucket> buckets = loss_.buckets();
  const auto less = [](const Bucket& a, const Bucket& b) { return a.mean() < b.mean(); };
  const auto [least, most] = std::minmax_element(buckets.begin(), buckets.end(), less);
  const double range = most->mean() - least->mean();
  std::string curve;
  for (const Bucket& bucket : buckets) {
    const double height = range > 0 ? (bucket.mean() - least->mean()) / range : 0;
    curve += level_character((1 + 7 * height) / 8, utf8);  // the lowest character means none
  }
  return format("loss %.4f %s %.4f since step %lld", buckets.front().mean(), curve.c_str(), buckets.back().mean(),
                static_cast<long long>(first_step_));
}

}  // namespace mm
