// Token numbers on their way to a GPU, where they are made as wide as operations want them.
#pragma once

#include <ATen/core/Tensor.h>

#include "data/windows/targets.h"

namespace mm {

/// Numbers from 0 on, or kIgnoredTarget, as 16 bits each where 65,534 is the largest, else as 32.
///   x       int64, on the CPU
///   pinned  into memory that a GPU copies from by itself
at::Tensor narrow(const at::Tensor& x, bool pinned);

/// The numbers again, int64, on the device of `narrowed`. Does not wait for it.
at::Tensor widen(const at::Tensor& narrowed);

}  // namespace mm
