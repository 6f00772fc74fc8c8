#pragma once

#include <cstddef>

namespace mm {

/// Dimensions that a tensor of a file may have: what ATen's own kernels go up to.
inline constexpr size_t kLargestRank = 64;

}  // namespace mm
