// An experiment as one HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "experiment/comparison.h"
#include "experiment/run_plan.h"

namespace mm {

/// The table; for each variant the mean curve of its finished runs with the range of the seeds as a band: validation
/// and training loss over tokens and over seconds, balance of the experts; and the expert heat maps of its first
/// finished run, side by side.
///   results, rows  in the order of the plan's variants
/// Reads the files of the finished runs. Throws Error(kData) where one cannot be read.
std::string experiment_page(const RunPlan& plan, const std::vector<VariantResults>& results,
                            const std::vector<ComparisonRow>& rows);

}  // namespace mm
