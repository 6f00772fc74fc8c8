// The part of a report about one run alone: experts, troubles, domains, events, samples, config.
#pragma once

#include <string>

#include "metrics/report/run_history.h"

namespace mm {

/// HTML, without a heading.
std::string run_section(const RunHistory& run);

}  // namespace mm
