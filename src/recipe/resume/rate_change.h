// What another length or schedule does to the learning rate of a run that has begun. No torch.
#pragma once

#include <cstdint>
#include <string>

#include "recipe/run_config.h"

namespace mm {

/// A warning where the rate of the next step is not that of the steps before it: both rates, why, and what a schedule
/// that can be extended would have done. "" where it goes on as it was.
///   before  the config that the steps so far were trained with, its train.steps known
///   now     that of the steps to come, its train.steps known
///   step    updates done, at least 1
std::string explain_rate_change(const RunConfig& before, const RunConfig& now, int64_t step);

}  // namespace mm
