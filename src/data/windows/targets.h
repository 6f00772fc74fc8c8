// How a position says that it has no target.
#pragma once

#include <cstdint>

namespace mm {

/// Positions whose target is this do not count in the loss, in the expert statistics or in the balancing loss.
inline constexpr int64_t kIgnoredTarget = -100;

}  // namespace mm
