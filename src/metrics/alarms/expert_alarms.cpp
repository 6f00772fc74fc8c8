// The thresholds of expert_alarms.h applied.
#include "metrics/alarms/expert_alarms.h"

#include <numeric>

namespace mm {

bool enough_to_judge(const ExpertLoad& load, int64_t row, const LoadThresholds& thresholds) {
  const auto first = load.tokens.begin() + row * load.experts;
  const int64_t total = std::accumulate(first, first + load.experts, int64_t{0});
  return static_cast<double>(total) >= thresholds.least_tokens * static_cast<double>(load.experts);
}

std::vector<ExpertAlarm> expert_alarms(const ExpertLoad& load, const LoadStatistics& statistics,
                                       const LoadThresholds& thresholds) {
  const double fair_share = 1.0 / static_cast<double>(load.experts);
  std::vector<ExpertAlarm> alarms;
  for (int64_t row = 0; row < load.layers; ++row) {
    if (!enough_to_judge(load, row, thresholds)) continue;
    const int64_t layer = load.first_layer + row;
    for (int64_t expert = 0; expert < load.experts; ++expert) {
      const double share = statistics.layers[static_cast<size_t>(row)].shares[static_cast<size_t>(expert)];
      if (share == 0) {
        alarms.push_back({ExpertTrouble::kDead, layer, expert, share});
      } else if (share < thresholds.dying_share * fair_share) {
        alarms.push_back({ExpertTrouble::kDying, layer, expert, share});
      } else if (load.experts > 2 && share > thresholds.over_subscribed_share * fair_share) {
        alarms.push_back({ExpertTrouble::kOverSubscribed, layer, expert, share});
      }
    }
  }
  return alarms;
}

}  // namespace mm
