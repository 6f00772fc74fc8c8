// A whole run, from a config to an exit code.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "core/error.h"
#include "recipe/configured_run.h"

namespace mm {

/// Who trains, and who looks on.
struct Caller {
  bool watch = false;                     ///< draws the experts on the terminal while it trains
  std::optional<int64_t> dashboard = {};  ///< the port of a dashboard beside the run
  std::string version = {};               ///< of the program, for the log
  std::string programs = {};              ///< the folder of the programs
  std::string program_prefix = {};        ///< for the commands that the run ends with: next_steps()
};

/// Trains `config` in its folder, resuming what is there. Returns kFinished or kStopped.
///   weights  `init.from`, opened; when it is not, and a fresh run needs it, it is opened here
/// Where memory does not suffice it tries again with train.shrink_micro_batch, else it says what would fit.
/// Throws Error as its parts do; whatever was saved before stays.
ExitCode train_run(RunConfig config, std::optional<Weights> weights, const Caller& caller);

}  // namespace mm
