// Why a world of ranks ends before its run does. No torch.
#pragma once

#include <cstdint>
#include <exception>
#include <string>

#include "core/error.h"

namespace mm {

struct Failure {
  int64_t rank = 0;  ///< whose it is
  ExitCode code = ExitCode::kInternal;
  std::string host;
  std::string message;
  bool noticed = false;  ///< by others: the rank itself said nothing

  /// As one text, and back.
  std::string packed() const;
  static Failure unpacked(const std::string& text);

  /// `rank 2 on host node7: <message>`; what was noticed by others names the rank itself.
  std::string sentence() const;
};

/// The first line of its message: LibTorch's have a backtrace behind it.
std::string what_happened(const std::exception& problem);

/// The name of this machine.
std::string host_name();

}  // namespace mm
