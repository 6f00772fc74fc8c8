// Rows and columns of the expert table.
#include "view/expert_table.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "core/text.h"
#include "metrics/load_statistics.h"
#include "view/image/colour_map.h"

namespace mm {
namespace {

constexpr int64_t kWidestRow = 16;   // experts that are shown one by one
constexpr size_t kNamedExperts = 3;  // at either end, when they are not
constexpr size_t kNamedAlarms = 8;

const char* bar(double share, size_t experts) {
  return level_character(colour_position(share, static_cast<int64_t>(experts)), /*utf8=*/true);
}

std::string summary_header() {
  return " | max/mean    cv  entropy  dead";
}

std::string summary(const LayerLoadStatistics& layer) {
  return format(" | %8.2f %5.2f  %7.3f  %4lld", layer.max_over_mean, layer.coefficient_of_variation,
                layer.normalised_entropy, static_cast<long long>(layer.dead));
}

std::string wide_header(int64_t experts, bool bars) {
  std::string header = "layer |";
  for (int64_t expert = 0; expert < experts; ++expert) {
    header += format(" %5lld%s", static_cast<long long>(expert), bars ? " " : "");
  }
  return header + summary_header();
}

std::string wide_row(const LayerLoadStatistics& layer, bool bars) {
  std::string row;
  for (const double share : layer.shares) {
    row += format(" %5.1f%s", 100 * share, bars ? bar(share, layer.shares.size()) : "");
  }
  return row + summary(layer);
}

std::string short_header() {
  return "layer |   min  median   max" + summary_header() + " | lowest, highest as expert:share";
}

std::string short_row(const LayerLoadStatistics& layer) {
  std::vector<size_t> by_share(layer.shares.size());
  std::iota(by_share.begin(), by_share.end(), size_t{0});
  std::stable_sort(by_share.begin(), by_share.end(),
                   [&](size_t a, size_t b) { return layer.shares[a] < layer.shares[b]; });
  const auto named = [&](size_t expert) { return format(" %zu:%.2f", expert, 100 * layer.shares[expert]); };

  const size_t middle = by_share.size() / 2;
  double median = layer.shares[by_share[middle]];
  if (by_share.size() % 2 == 0) median = (median + layer.shares[by_share[middle - 1]]) / 2;

  std::string row = format(" %5.2f  %6.2f %5.2f", 100 * layer.min_share, 100 * median, 100 * layer.max_share);
  row += summary(layer) + " |";
  for (size_t i = 0; i < kNamedExperts; ++i) row += named(by_share[i]);
  row += " ..";
  for (size_t i = by_share.size() - kNamedExperts; i < by_share.size(); ++i) row += named(by_share[i]);
  return row;
}

}  // namespace

std::string expert_table(const ExpertLoad& load, const std::vector<std::string>& standing, bool bars) {
  const LoadStatistics statistics = load_statistics(load);
  const bool wide = load.experts <= kWidestRow;
  std::string table = format("share of tokens per expert in %%, a fair share is %.3g", 100.0 / load.experts);
  table += '\n';
  table += wide ? wide_header(load.experts, bars) : short_header();
  for (size_t i = 0; i < statistics.layers.size(); ++i) {
    const LayerLoadStatistics& layer = statistics.layers[i];
    const long long number = load.first_layer + static_cast<int64_t>(i);
    table += format("\n%5lld |", number) + (wide ? wide_row(layer, bars) : short_row(layer));
  }
  for (size_t i = 0; i < std::min(standing.size(), kNamedAlarms); ++i) table += "\n" + standing[i];
  if (standing.size() > kNamedAlarms) table += format("\nand %zu more alarms", standing.size() - kNamedAlarms);
  return table;
}

}  // namespace mm
