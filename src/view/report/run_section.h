// The part of a report about one run alone: experts, alarms, domains, events, samples, config.
#pragma once

#include <string>

#include "view/report/run_history.h"

namespace mm {

/// HTML, without a heading.
std::string run_section(const RunHistory& run);

}  // namespace mm
