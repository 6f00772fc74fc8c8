// The curves of one run, or of several in the same charts.
#pragma once

#include <string>
#include <vector>

#include "view/history/run_history.h"

namespace mm {

/// HTML with the controls that all charts obey: the axis, smoothing, which runs are shown, and a file of the values.
/// Empty when no run has a value.
///   names  of the runs
std::string curves_section(const std::vector<RunHistory>& runs, const std::vector<std::string>& names);

}  // namespace mm
