// An experiment as one HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "experiment/result/comparison.h"
#include "experiment/run_plan.h"

namespace mm {

/// The table; for each variant the curves of a run's report over steps, tokens or time, as means over its finished runs
/// with their range as a band; and the experts of its first finished run.
///   results, rows  in the order of the plan's variants
/// Reads the files of the finished runs. Throws Error(kData) where one cannot be read.
std::string experiment_page(const RunPlan& plan, const std::vector<VariantResults>& results,
                            const std::vector<ComparisonRow>& rows);

}  // namespace mm
