// `pretrain --dashboard`: the pages of all runs, served by another process while this one trains.
#pragma once

#include <optional>
#include <string>

#include "core/process/child_process.h"

namespace mm {

/// Starts the program `dashboard` for the runs beside `run_folder`, and says where its pages are. Whatever becomes of
/// it, the run goes on: where it cannot be started, as on a port that is taken, there is one warning and no process.
/// What it has to say is in `<run_folder>/dashboard.log`.
///   programs  the folder of the programs
std::optional<ChildProcess> start_dashboard(const std::string& run_folder, const std::string& programs, int64_t port);

}  // namespace mm
