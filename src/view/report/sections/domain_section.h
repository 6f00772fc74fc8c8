// The part of a report about domains: losses, who does what, typical tokens.
#pragma once

#include <string>

#include "view/history/run_history.h"

namespace mm {

/// HTML with its own heading; one line when domains.json could not be read, empty when there is none.
std::string domain_section(const RunHistory& run);

}  // namespace mm
