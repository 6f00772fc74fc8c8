// Which program this is.
#pragma once

#include <string>

namespace mm {

/// `minimind.cpp 0.1.0, commit 0123456789ab`; without the commit where the sources were no git clone when they were
/// configured.
std::string program_version();

/// What a report of a fault has to say: program_version(), and a line each for LibTorch, CUDA and the compiler.
std::string version_text();

}  // namespace mm
