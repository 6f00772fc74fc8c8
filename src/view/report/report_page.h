// Runs as one HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "view/history/run_history.h"
#include "view/report/page/page_frame.h"

namespace mm {

/// How much of each run fits on a page of `runs` runs that stays below 2 MB.
HistoryLimits limits_for(size_t runs);

/// The page. Whatever comes from the runs' files is text on it, never markup.
///   runs  read with limits_for(their number); not empty
std::string report_page(const std::vector<RunHistory>& runs, const PageUse& use = {});

/// Reads the runs in `folders` and writes their page to `path`, whole or not at all.
/// Throws Error(kData) for a folder that is not there, Error(kStorage).
void write_report(const std::vector<std::string>& folders, const std::string& path);

}  // namespace mm
