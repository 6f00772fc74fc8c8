// The part of a report about one run alone: experts, alarms, domains, events, samples, config.
#pragma once

#include <cstddef>
#include <string>

#include "view/history/run_history.h"

namespace mm {

/// HTML of the experts, the alarms and the domains.
///   index  of the run on the page
std::string expert_section(const RunHistory& run, size_t index);

/// HTML of what is looked up rather than looked at: samples, events, config.
std::string rest_section(const RunHistory& run);

}  // namespace mm
