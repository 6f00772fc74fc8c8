// One micro-batch as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include "data/targets.h"

namespace mm {

/// A micro-batch. `targets_bt[b][t]` is the token that follows `tokens_bt[b][t]`, or kIgnoredTarget on padding.
struct Batch {
  at::Tensor tokens_bt;   ///< [batch, time] int64
  at::Tensor targets_bt;  ///< [batch, time] int64
  int64_t targets = 0;    ///< how many of them are real
};

}  // namespace mm
