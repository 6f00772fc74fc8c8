// Runs what an experiment lacks, some at a time, each in a process of its own. No torch.
#pragma once

#include <cstdint>
#include <string>

#include "core/error.h"
#include "experiment/run_plan.h"

namespace mm {

struct RunnerOptions {
  int64_t jobs = 1;      ///< runs at a time
  bool retry = false;    ///< runs that have failed are tried once more
  std::string pretrain;  ///< path of the program that trains
};

/// Measures what a budget of seconds needs, then starts `pretrain` for every run that is not finished. A run that fails
/// leaves failure.json in its folder, and the others go on. After SIGTERM or Ctrl-C the runs save and stop, and so does
/// this. Processors are shared out among the jobs; a run that has begun keeps its number of threads.
/// Returns kFinished when nothing is left to do, kStopped after a request to stop.
ExitCode run_all(RunPlan& plan, const RunnerOptions& options);

}  // namespace mm
