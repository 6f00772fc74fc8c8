// A whole run, from a config to an exit code.
#pragma once

#include "core/error.h"
#include "train/run_config.h"

namespace mm {

/// Trains `config` in its folder, resuming what is there. Returns kFinished or kStopped.
/// Throws Error as its parts do; whatever was saved before stays.
ExitCode train_run(const RunConfig& config);

}  // namespace mm
