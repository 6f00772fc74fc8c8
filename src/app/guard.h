// The one place where errors end: every program's main runs inside it.
#pragma once

#include <functional>

#include "core/error.h"

namespace mm {

/// Runs `body` and returns the exit code, after printing what went wrong in a form made for people: no stack trace for
/// what a user can cause.
int guarded(const std::function<ExitCode()>& body);

}  // namespace mm
