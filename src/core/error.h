// Errors that reach a user, and the exit code each of them ends the program with.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace mm {

/// Exit codes by audience; scripts may rely on them.
enum class ExitCode : int {
  kFinished = 0,
  kInternal = 1,    ///< our bug
  kConfig = 2,      ///< usage or config
  kData = 3,        ///< data or tokenizer
  kCheckpoint = 4,  ///< checkpoint or initial weights
  kDiverged = 5,    ///< loss or gradients are not finite
  kMemory = 6,
  kStorage = 7,  ///< disk full, folder not writable
  kDevice = 8,   ///< no such GPU, driver too old
  kHang = 9,
  kStopped = 75,           ///< stopped on request, the same command resumes
  kSecondInterrupt = 130,  ///< second Ctrl-C: left at once
};

/// The one exception type. Only `app/` catches it and prints it.
class Error : public std::runtime_error {
 public:
  ///   message  empty: the user is told already
  Error(ExitCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ExitCode code() const { return code_; }

 private:
  ExitCode code_;
};

/// The form of every message: `<where>: got <got>, want <want> (<remedy>)`.
///   where   `<file>:<key or line>`
///   remedy  what the user can do; left out when empty
std::string got_want(std::string_view where, std::string_view got, std::string_view want, std::string_view remedy = "");

/// Throws Error(kInternal) unless `condition`: for what no user can cause.
void require(bool condition, const char* what);

}  // namespace mm
