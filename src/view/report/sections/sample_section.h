// What the models of a page wrote, side by side.
#pragma once

#include <string>
#include <vector>

#include "view/history/run_history.h"

namespace mm {

/// The samples of one run: the first, one in the middle and the last beside each other, all others folded away.
/// HTML with its own heading; empty when there are none.
std::string samples_over_time(const RunHistory& run);

/// The last samples of several runs, those of one prompt beside each other. As above.
///   names  of the runs
std::string samples_of_runs(const std::vector<RunHistory>& runs, const std::vector<std::string>& names);

}  // namespace mm
