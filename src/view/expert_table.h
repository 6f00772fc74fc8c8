// The layer x expert table of token shares that the console shows.
#pragma once

#include <string>
#include <vector>

#include "metrics/record.h"

namespace mm {

/// One row a MoE layer. Up to 16 experts: each expert's share in percent, then max/mean, coefficient of variation,
/// normalised entropy and dead experts (load_statistics.h). With more experts the row names the lowest, the median and
/// the highest share and the three experts at either end. Below the rows are the alarms that stand, at most eight.
///   load  of a MoE model, not empty
///   standing  the alarms that stand, worst first (StepRecord)
///   bars  adds a block character to every share: half height is a fair share, full height twice of it (UTF-8)
/// Lines are separated by newlines; there is none at the end.
std::string expert_table(const ExpertLoad& load, const std::vector<std::string>& standing, bool bars);

}  // namespace mm
