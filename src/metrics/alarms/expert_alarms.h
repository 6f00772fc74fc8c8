// Which experts the load of one step is bad for. That is no alarm yet: AlarmWatch has patience.
#pragma once

#include <cstdint>
#include <vector>

#include "metrics/load_statistics.h"
#include "metrics/record.h"

namespace mm {

struct LoadThresholds {
  double dying_share = 0.1;          ///< below this part of a fair share an expert is dying
  double over_subscribed_share = 2;  ///< above this many fair shares it is over-subscribed
  double least_tokens = 16;          ///< per expert in the mean: with fewer, an idle one is chance
};

enum class ExpertTrouble { kDead, kDying, kOverSubscribed };

struct ExpertAlarm {
  ExpertTrouble trouble = ExpertTrouble::kDead;
  int64_t layer = 0;   ///< in the model, from 0
  int64_t expert = 0;  ///< from 0
  double share = 0;
};

/// The experts in trouble, layer by layer. Over-subscription is not judged with two experts or fewer, and layers with
/// too few tokens to judge are left out.
std::vector<ExpertAlarm> expert_alarms(const ExpertLoad& load, const LoadStatistics& statistics,
                                       const LoadThresholds& thresholds);

/// Whether the layer of a row of the load got tokens enough to judge it.
bool enough_to_judge(const ExpertLoad& load, int64_t row, const LoadThresholds& thresholds);

}  // namespace mm
