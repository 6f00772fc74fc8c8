// Who did what while the run trained.
#pragma once

#include <cstddef>
#include <string>

#include "view/history/run_history.h"

namespace mm {

/// Of each expert the domain that it preferred and the tokens that it was typical of, from evaluation to evaluation,
/// and the loss of each domain. HTML with its own heading; empty where the run measured none of it.
///   index  of the run on the page
std::string domains_over_time(const RunHistory& run, size_t index);

}  // namespace mm
