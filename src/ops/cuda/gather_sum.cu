// Weighted sums of gathered rows: what dispatch, combine and their gradients are made of. Every row has its place, so
// that nothing is added from two sides.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

template <int N, class T>
MM_KERNEL forward(const T* x, const float* weight, const int64_t* row_of, const T* addend, int64_t slots, int64_t d,
                  int64_t chunks, T* y) {
  const auto [token, column] = row_place<N>(chunks);
  if (column >= d) return;
  const int64_t first = token * slots;
  const auto weighted = [&](int64_t place) {
    Values<N> row = load<N>(x + row_of[place] * d + column);
    const float factor = weight == nullptr ? 1.0f : weight[place];
    MM_UNROLL
    for (int i = 0; i < N; ++i) row[i] *= factor;
    return row;
  };
  Values<N> sum = weighted(first);
  for (int64_t place = first + 1; place < first + slots; ++place) {
    const Values<N> row = weighted(place);
    MM_UNROLL
    for (int i = 0; i < N; ++i) sum[i] += row[i];
  }
  const int64_t at = token * d + column;
  if (addend != nullptr) {
    const Values<N> added = load<N>(addend + at);
    MM_UNROLL
    for (int i = 0; i < N; ++i) sum[i] += added[i];
  }
  store(y + at, sum);
}

constexpr int kThreads = 128;

/// A warp for each token and slot.
template <int N, class T>
MM_KERNEL backward(const T* dy, const T* x, const float* weight, const int64_t* row_of, int64_t places, int64_t slots,
                   int64_t d, T* dx, float* dweight) {
  const int64_t place = block() * (kThreads / kWarp) + thread() / kWarp;
  if (place >= places) return;
  const int64_t token = static_cast<uint32_t>(place) / static_cast<uint32_t>(slots), row = row_of[place];
  const float factor = weight[place];
  Values<1> dot;
  for (int64_t column = lane() * N; column < d; column += kWarp * N) {
    Values<N> upstream = load<N>(dy + token * d + column);
    const Values<N> value = load<N>(x + row * d + column);
    MM_UNROLL
    for (int i = 0; i < N; ++i) {
      dot[0] += value[i] * upstream[i];
      upstream[i] *= factor;
    }
    store(dx + row * d + column, upstream);
  }
  dot = reduce_lanes(Sum(), dot);
  if (lane() == 0) dweight[place] = dot[0];
}

}  // namespace

void gather_sum(ElementType type, const void* x, const float* weight, const int64_t* row_of, const void* addend,
                int64_t tokens, int64_t slots, int64_t d, void* y, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(d, x, addend, y), [&]<int N>(Width<N>) {
      const RowBlocks of_row = row_blocks(d / N);
      launch(forward<N, T>, {tokens * of_row.chunks, of_row.threads}, stream, static_cast<const T*>(x), weight, row_of,
             static_cast<const T*>(addend), slots, d, of_row.chunks, static_cast<T*>(y));
    });
  });
}

void gather_sum_backward(ElementType type, const void* dy, const void* x, const float* weight, const int64_t* row_of,
                         int64_t tokens, int64_t slots, int64_t d, void* dx, float* dweight, Stream stream) {
  const int64_t places = tokens * slots;
  constexpr int64_t of_block = kThreads / kWarp;
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(d, dy, x, dx), [&]<int N>(Width<N>) {
      launch(backward<N, T>, {(places + of_block - 1) / of_block, kThreads}, stream, static_cast<const T*>(dy),
             static_cast<const T*>(x), weight, row_of, places, slots, d, static_cast<T*>(dx), dweight);
    });
  });
}

}  // namespace mm::cuda
