// What an experiment will cost before it starts: `--check`. No torch.
#pragma once

#include <string>

#include "experiment/run_plan.h"

namespace mm {

/// A line for each variant, then what all runs that are not finished take together. Seconds are those that a step of
/// the variant took in runs that are there, else its FLOPs at a usual share of the device's rate; a budget of seconds
/// is what it says.
///   gemm_rate  FLOP/s of the device
std::string describe_cost(const RunPlan& plan, double gemm_rate);

}  // namespace mm
