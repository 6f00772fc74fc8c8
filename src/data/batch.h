// One micro-batch as tensors.
#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "data/windows/targets.h"

namespace mm {

/// A micro-batch. `targets_bt[b][t]` is the token that follows `tokens_bt[b][t]`, or kIgnoredTarget on padding.
struct Batch {
  at::Tensor tokens_bt;        ///< [batch, time] int64
  at::Tensor targets_bt;       ///< [batch, time] int64
  int64_t targets = 0;         ///< how many of them are real
  at::Tensor counted_bt = {};  ///< [batch, time] bool: what expert loads and balancing losses count; undefined: all
  /// Of documents that see nothing of each other, end to end in all rows: the length of each, padding among them. Empty
  /// where a row is one sequence.
  std::vector<int64_t> document_lengths = {};
  /// 0 and where each of them ends, [slots + 1] int32; slots are the same for all batches of a size, those that are not
  /// used repeat the last end. Undefined where a row is one sequence.
  at::Tensor document_ends_s = {};
};

}  // namespace mm
