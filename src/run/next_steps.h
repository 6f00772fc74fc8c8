// What to do with a run that has ended: where its page is, and commands to type. No torch.
#pragma once

#include <string>
#include <vector>

#include "recipe/run_config.h"

namespace mm {

/// Lines for the end of a run, each as it can be typed in the folder that the run was started in.
///   program_prefix  what a user types before the name of a program: `build/release/bin/`, `minimind-`, or nothing
std::vector<std::string> next_steps(const RunConfig& config, const std::string& program_prefix);

}  // namespace mm
