// The time of day, as event files store it.
#pragma once

#include <chrono>

namespace mm {

/// Seconds since 1970.
inline double wall_time() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace mm
