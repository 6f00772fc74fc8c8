// The runs as a list to choose from.
#pragma once

#include <string>
#include <vector>

#include "dashboard/run_folders.h"
#include "view/history/run_history.h"

namespace mm {

/// A run on the list.
struct ListedRun {
  std::string row;        ///< HTML
  std::string last_word;  ///< when it last wrote, `2026-01-01 12:00:00`
};

/// Where a dashboard has the page of a run: `/run/sweep/lr3`, as a URL.
std::string run_url(const std::string& name);

ListedRun list_run(const std::string& name, const RunHistory& run);
/// One whose files cannot be read.
ListedRun list_unreadable_run(const std::string& name, const std::string& problem);

/// The list as HTML, in a form whose boxes choose what to compare; the run that wrote last comes first.
///   left_out  runs that cannot be shown (find_runs)
std::string run_list(std::vector<ListedRun> runs, int64_t left_out);

}  // namespace mm
