// Gradients of expert weights on their way into the sums over micro-batches.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

template <int N, class T>
MM_KERNEL add(const T* term, const int32_t* ends, int64_t size, int64_t chunks, float* sum) {
  const auto [expert, column] = row_place<N>(chunks);
  const int32_t begin = expert == 0 ? 0 : ends[expert - 1];
  if (column >= size || ends[expert] == begin) return;
  const int64_t at = expert * size + column;
  const Values<N> added = load<N>(term + at);
  Values<N> total = load<N>(sum + at);
  MM_UNROLL
  for (int i = 0; i < N; ++i) total[i] += added[i];
  store(sum + at, total);
}

}  // namespace

void add_experts(ElementType type, const void* term, const int32_t* ends_e, int64_t experts, int64_t size, float* sum,
                 Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(size, term, sum), [&]<int N>(Width<N>) {
      const RowBlocks of_row = row_blocks(size / N);
      launch(add<N, T>, {experts * of_row.chunks, of_row.threads}, stream, static_cast<const T*>(term), ends_e, size,
             of_row.chunks, sum);
    });
  });
}

}  // namespace mm::cuda
