// The learning-rate schedules.
#include "optim/schedule.h"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace mm {

double learning_rate_factor(int64_t step, int64_t total, const ScheduleConfig& config) {
  const int64_t warmup = std::min(config.warmup_steps, total);
  if (step < warmup) return static_cast<double>(step + 1) / static_cast<double>(warmup);
  if (config.type == "constant") return 1.0;

  const double done = static_cast<double>(step - warmup);
  const double length = static_cast<double>(std::max<int64_t>(total - warmup, 1));
  if (config.type == "wsd") {
    const double decay_steps = std::max(config.decay_fraction * static_cast<double>(total), 1.0);
    const double left = static_cast<double>(total - step) / decay_steps;
    return left >= 1.0 ? 1.0 : config.min_ratio + (1.0 - config.min_ratio) * left;
  }
  return config.min_ratio +
         (1.0 - config.min_ratio) / 2 * (1.0 + std::cos(std::numbers::pi * std::min(done / length, 1.0)));
}

}  // namespace mm
