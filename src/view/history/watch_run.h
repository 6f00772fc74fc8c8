// A run on the terminal, from beside it.
#pragma once

#include <string>

namespace mm {

/// Draws what `pretrain --watch` draws, from the files of a run that trains or has trained, and tells what it tells
/// from now on: alarms, evaluations, samples. Returns when the run has ended, with its picture left on the terminal.
/// Throws Error(kData) where there is no such folder.
void watch_run(const std::string& folder);

}  // namespace mm
