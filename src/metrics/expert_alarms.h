// What is wrong with the spread of tokens over experts, in words.
#pragma once

#include <cstdint>
#include <string>
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
  int64_t layer = 0;   ///< counted among the MoE layers, from 0
  int64_t expert = 0;  ///< from 0
  double share = 0;
};

/// The experts in trouble, worst first: dead, then dying by rising share, then over-subscribed by falling share.
/// Over-subscription is not judged with two experts or fewer. Layers with too few tokens to judge raise no alarm.
std::vector<ExpertAlarm> expert_alarms(const ExpertLoad& load, const LoadStatistics& statistics,
                                       const LoadThresholds& thresholds = {});

/// Whether the layer got tokens enough to judge it.
bool enough_to_judge(const ExpertLoad& load, int64_t layer, const LoadThresholds& thresholds = {});

/// `layer 3: expert 2 gets 1.1% of tokens, a fair share is 25%: dying`
std::string alarm_sentence(const ExpertAlarm& alarm, int64_t experts);

}  // namespace mm
