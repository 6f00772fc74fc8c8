// The formulas of load_statistics.h.
#include "metrics/load_statistics.h"

#include <algorithm>
#include <cmath>

namespace mm {
namespace {

LayerLoadStatistics layer_statistics(const ExpertLoad& load, int64_t layer) {
  const auto experts = static_cast<double>(load.experts);
  double total = 0;
  for (int64_t expert = 0; expert < load.experts; ++expert) total += static_cast<double>(load.at(layer, expert));

  LayerLoadStatistics result;
  result.shares.assign(static_cast<size_t>(load.experts), 0.0);
  if (total == 0) {
    result.dead = load.experts;
    return result;
  }
  double squared_deviation = 0;
  for (int64_t expert = 0; expert < load.experts; ++expert) {
    const double share = static_cast<double>(load.at(layer, expert)) / total;
    result.shares[static_cast<size_t>(expert)] = share;
    squared_deviation += (experts * share - 1) * (experts * share - 1);
    if (share > 0) {
      result.entropy -= share * std::log(share);
    } else {
      ++result.dead;
    }
  }
  const auto [lowest, highest] = std::minmax_element(result.shares.begin(), result.shares.end());
  result.min_share = *lowest;
  result.max_share = *highest;
  result.max_over_mean = experts * *highest;
  result.coefficient_of_variation = std::sqrt(squared_deviation / experts);
  result.normalised_entropy = load.experts > 1 ? result.entropy / std::log(experts) : 1;
  return result;
}

}  // namespace

LoadStatistics load_statistics(const ExpertLoad& load) {
  LoadStatistics result;
  for (int64_t layer = 0; layer < load.layers; ++layer) {
    const auto& added = result.layers.emplace_back(layer_statistics(load, layer));
    result.min_share = layer == 0 ? added.min_share : std::min(result.min_share, added.min_share);
    result.max_share = std::max(result.max_share, added.max_share);
    result.dead += added.dead;
  }
  return result;
}

}  // namespace mm
