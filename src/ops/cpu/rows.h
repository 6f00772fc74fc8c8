// How the CPU paths of the ops split rows over threads, with results that do not depend on the number of threads.
#pragma once

#include <ATen/Parallel.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/zeros.h>

#include <algorithm>

#include "ops/cpu/parallel.h"

namespace mm::cpu {

/// Rows that make a task worth handing to a thread.
inline int64_t row_grain(int64_t row_elements) {
  return std::max<int64_t>(1, (1 << 14) / std::max<int64_t>(row_elements, 1));
}

/// Runs `body(begin, end)` over all rows.
template <class Body>
void for_rows(int64_t rows, int64_t row_elements, const Body& body) {
  const int64_t grain = row_grain(row_elements);
  const int64_t ranges = std::min<int64_t>(at::get_num_threads(), (rows + grain - 1) / grain);
  if (ranges > 1) {
    parallel_ranges(rows, ranges, body);
  } else if (rows > 0) {
    body(0, rows);
  }
}

/// For sums over rows (gradients of weights): runs `body(begin, end, partial)` over a fixed number of row ranges, each
/// with a zeroed buffer [d] of its own, and returns the sum of the buffers, always added in the same order.
template <class Body>
at::Tensor sum_over_rows(int64_t rows, int64_t d, const at::TensorOptions& options, const Body& body) {
  constexpr int64_t kRanges = 16;
  at::Tensor partial_pd = at::zeros({kRanges, d}, options);
  float* partial = partial_pd.mutable_data_ptr<float>();
  for_rows(kRanges, rows * d / kRanges, [&](int64_t first, int64_t last) {
    for (int64_t range = first; range < last; ++range) {
      body(rows * range / kRanges, rows * (range + 1) / kRanges, partial + range * d);
    }
  });
  return partial_pd.sum(0);
}

inline bool is_fp32_cpu(const at::Tensor& x) {
  return x.is_cpu() && x.scalar_type() == at::kFloat;
}

}  // namespace mm::cpu
