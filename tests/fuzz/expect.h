// What a reader owes to whoever hands it a file, in checks that throw.
#pragma once

#include <functional>
#include <string>

#include "core/error.h"

namespace mm {

/// The name of the input in messages.
inline const std::string kInputName = "input";

/// Throws std::logic_error unless `condition`: the reader broke a promise.
void expect(bool condition, const char* promise);

/// Runs `read`; false when it refused its input as a user may see it: in an Error of `code`, whose message is one line
/// that begins with the input's name and is fit for a terminal. Any other exception is a finding and goes through.
bool allow_refusal(ExitCode code, const std::function<void()>& read);

}  // namespace mm
