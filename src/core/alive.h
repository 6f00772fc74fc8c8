// That a program gets on, and what it is at: for a watchdog (core/watchdog).
#pragma once

#include <cstdint>

namespace mm {

/// Says that work goes on, and what it is at.
///   doing  a literal, as in "still in <doing>": "a step", "an evaluation"
void still_in(const char* doing);
/// Says that it goes on, at the same.
void still_going();

struct SignOfLife {
  uint64_t number = 0;  ///< of such words so far
  const char* doing = "";
};
SignOfLife last_sign_of_life();

}  // namespace mm
