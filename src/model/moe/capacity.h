// Room at the experts: which tokens are dropped when one of them has more than its share.
#pragma once

#include <ATen/core/Tensor.h>

#include "ops/experts/dispatch.h"

namespace mm {

/// An expert takes its first C tokens by position in the micro-batch, C = ceil(capacity_factor * N * k / E) for N
/// tokens that count; the (token, slot) pairs behind them are dropped. Padding takes no room and is never dropped.
///   experts_ns  [tokens, slots] int64, what `plan` was made of
///   counted_n   [tokens] fp32: 1 where a token counts, 0 on padding
/// Returns [tokens, slots] fp32, 1 kept and 0 dropped. Never reads the device from the host.
/// Source: GShard, arXiv 2006.16668, and Switch Transformer, arXiv 2101.03961.
at::Tensor kept_slots(const at::Tensor& experts_ns, const DispatchPlan& plan, const at::Tensor& counted_n,
                      double capacity_factor);

}  // namespace mm
