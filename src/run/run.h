// A whole run, from a config to an exit code.
#pragma once

#include "core/error.h"
#include "recipe/configured_run.h"

namespace mm {

/// Trains `config` in its folder, resuming what is there. Returns kFinished or kStopped.
///   weights  `init.from`, opened; when it is not, and a fresh run needs it, it is opened here
///   watch    draws the experts on the terminal while it trains
/// Throws Error as its parts do; whatever was saved before stays.
ExitCode train_run(const RunConfig& config, std::optional<Weights> weights, bool watch);

}  // namespace mm
