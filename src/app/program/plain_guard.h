// The one place where errors end: every program's main runs inside it.
#pragma once

#include <functional>

#include "core/error.h"

namespace mm {

class CommandLine;

/// A whole main of a program without LibTorch: reads the command line, then runs `body` and returns the exit code,
/// after printing what went wrong in a form made for people: no stack trace for what a user can cause. --help and
/// --version end with 0, wrong usage with kConfig.
int run_plain_program(CommandLine& line, int argc, char** argv, const std::function<ExitCode()>& body);

}  // namespace mm
