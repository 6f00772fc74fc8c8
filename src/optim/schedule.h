// The learning rate of every step: a pure function, so a resumed run needs nothing saved. No torch.
#pragma once

#include <cstdint>

#include "optim/optim_config.h"

namespace mm {

/// The factor in [0, 1] on the peak learning rate.
///   step   updates done before this one, in [0, total)
///   total  updates of the whole run
/// A warm-up that is longer than the run is as long as the run. cosine without warm-up is min + (1 - min) / 2 * (1 +
/// cos(pi step / total)): MiniMind's formula at min_ratio 0.1. Source of wsd: Hu et al. 2024, arXiv 2404.06395.
double learning_rate_factor(int64_t step, int64_t total, const ScheduleConfig& config);

}  // namespace mm
