// The thresholds of expert_alarms.h applied, and their wording.
#include "metrics/expert_alarms.h"

#include <algorithm>
#include <numeric>
#include <tuple>

#include "core/text.h"

namespace mm {
namespace {

const char* trouble_word(ExpertTrouble trouble) {
  switch (trouble) {
    case ExpertTrouble::kDead:
      return "dead";
    case ExpertTrouble::kDying:
      return "dying";
    case ExpertTrouble::kOverSubscribed:
      return "over-subscribed";
  }
  return "";
}

}  // namespace

bool enough_to_judge(const ExpertLoad& load, int64_t layer, const LoadThresholds& thresholds) {
  const auto first = load.tokens.begin() + layer * load.experts;
  const int64_t total = std::accumulate(first, first + load.experts, int64_t{0});
  return static_cast<double>(total) >= thresholds.least_tokens * static_cast<double>(load.experts);
}

std::vector<ExpertAlarm> expert_alarms(const ExpertLoad& load, const LoadStatistics& statistics,
                                       const LoadThresholds& thresholds) {
  const double fair_share = 1.0 / static_cast<double>(load.experts);
  std::vector<ExpertAlarm> alarms;
  for (int64_t layer = 0; layer < load.layers; ++layer) {
    if (!enough_to_judge(load, layer, thresholds)) continue;
    for (int64_t expert = 0; expert < load.experts; ++expert) {
      const double share = statistics.layers[static_cast<size_t>(layer)].shares[static_cast<size_t>(expert)];
      if (share == 0) {
        alarms.push_back({ExpertTrouble::kDead, layer, expert, share});
      } else if (share < thresholds.dying_share * fair_share) {
        alarms.push_back({ExpertTrouble::kDying, layer, expert, share});
      } else if (load.experts > 2 && share > thresholds.over_subscribed_share * fair_share) {
        alarms.push_back({ExpertTrouble::kOverSubscribed, layer, expert, share});
      }
    }
  }
  const auto badness = [](const ExpertAlarm& alarm) {
    const double order = alarm.trouble == ExpertTrouble::kOverSubscribed ? -alarm.share : alarm.share;
    return std::tuple(alarm.trouble, order, alarm.layer, alarm.expert);
  };
  std::sort(alarms.begin(), alarms.end(),
            [&](const ExpertAlarm& a, const ExpertAlarm& b) { return badness(a) < badness(b); });
  return alarms;
}

std::string alarm_sentence(const ExpertAlarm& alarm, int64_t experts) {
  const std::string share = alarm.share == 0 ? "no tokens" : format("%.3g%% of tokens", 100 * alarm.share);
  return format("layer %lld: expert %lld gets %s, a fair share is %.3g%%: %s", static_cast<long long>(alarm.layer),
                static_cast<long long>(alarm.expert), share.c_str(), 100.0 / static_cast<double>(experts),
                trouble_word(alarm.trouble));
}

}  // namespace mm
