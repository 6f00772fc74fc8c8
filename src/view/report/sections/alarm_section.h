// The alarms that a run raised: when, how long, why, and what to do.
#pragma once

#include <cstddef>
#include <string>

#include "view/history/run_history.h"

namespace mm {

/// HTML with its own heading; a line where none was raised.
///   index  of the run on the page
std::string alarm_section(const RunHistory& run, size_t index);

}  // namespace mm
