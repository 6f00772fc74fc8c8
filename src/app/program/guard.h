// Where errors end in programs that work with LibTorch.
#pragma once

#include <functional>

#include "core/error.h"

namespace mm {

class CommandLine;

/// run_plain_program() with LibTorch's errors as ours.
int run_program(CommandLine& line, int argc, char** argv, const std::function<ExitCode()>& body);

}  // namespace mm
