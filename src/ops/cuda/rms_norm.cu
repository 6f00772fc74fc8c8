// Residual addition and RMSNorm as one pass each way: a block for a row, whose values stay in registers between the sum
// over the row and what follows from it.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

template <int N, class T>
MM_KERNEL forward(const float* x, const T* branch, const float* w, float eps, int64_t d, bool round_before_weight,
                  float* sum, T* y) {
  const int64_t column = thread() * N, at = block() * d + column;
  const bool inside = column < d;
  Values<N> row;
  Values<1> squares;
  if (inside) {
    row = load<N>(x + at);
    if (branch != nullptr) {
      const Values<N> added = load<N>(branch + at);
      MM_UNROLL
      for (int i = 0; i < N; ++i) row[i] += added[i];
      store(sum + at, row);
    }
    MM_UNROLL
    for (int i = 0; i < N; ++i) squares[0] += row[i] * row[i];
  }
  squares = reduce_block(Sum(), squares);
  if (!inside) return;
  const float scale = 1.0f / sqrtf(squares[0] / static_cast<float>(d) + eps);
  const Values<N> weight = load<N>(w + column);
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    const float normed = row[i] * scale;
    row[i] = (round_before_weight ? rounded<T>(normed) : normed) * weight[i];
  }
  store(y + at, row);
}

// With n = x / rms:  dx = (w dy - n mean(n w dy)) / rms,  dw = sum over rows of n dy.
template <int N, class T>
MM_KERNEL backward(const T* dy, const float* sum, const float* dsum, const float* w, float eps, int64_t rows, int64_t d,
                   bool round_before_weight, float* dx, T* dbranch, float* dw_partial) {
  const int64_t column = thread() * N;
  const bool inside = column < d;
  Values<N> weight, dw;
  if (inside) weight = load<N>(w + column);
  for (int64_t row = block(); row < rows; row += blocks()) {
    const int64_t at = row * d + column;
    Values<N> x, upstream, before;
    Values<2> sums;  // of squares, and of x w dy
    if (inside) {
      x = load<N>(sum + at);
      upstream = load<N>(dy + at);
      if (dsum != nullptr) before = load<N>(dsum + at);
      MM_UNROLL
      for (int i = 0; i < N; ++i) {
        sums[0] += x[i] * x[i];
        sums[1] += x[i] * weight[i] * upstream[i];
      }
    }
    sums = reduce_block(Sum(), sums);
    if (!inside) continue;
    const float scale = 1.0f / sqrtf(sums[0] / static_cast<float>(d) + eps);
    const float shift = sums[1] * scale * scale / static_cast<float>(d);
    MM_UNROLL
    for (int i = 0; i < N; ++i) {
      const float normed = x[i] * scale;
      dw[i] += (round_before_weight ? rounded<T>(normed) : normed) * upstream[i];
      before[i] += (weight[i] * upstream[i] - x[i] * shift) * scale;
    }
    store(dx + at, before);
    if (dbranch != nullptr) store(dbranch + at, before);
  }
  if (inside) store(dw_partial + block() * d + column, dw);
}

/// A thread has its part of a row at once.
int threads_for(int64_t d, int n) {
  return whole_warps((d + n - 1) / n);
}

}  // namespace

void add_rms_norm_forward(ElementType type, const float* x, const void* branch, const float* w, float eps, int64_t rows,
                          int64_t d, bool round_before_weight, float* sum, void* y, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(d, x, branch, w, sum, y), [&]<int N>(Width<N>) {
      launch(forward<N, T>, {rows, threads_for(d, N)}, stream, x, static_cast<const T*>(branch), w, eps, d,
             round_before_weight, sum, static_cast<T*>(y));
    });
  });
}

void add_rms_norm_backward(ElementType type, const void* dy, const float* sum, const float* dsum, const float* w,
                           float eps, int64_t rows, int64_t d, bool round_before_weight, float* dx, void* dbranch,
                           float* dw_partial, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(d, dy, sum, dsum, w, dx, dbranch, dw_partial), [&]<int N>(Width<N>) {
      launch(backward<N, T>, {partial_sums(rows), threads_for(d, N)}, stream, static_cast<const T*>(dy), sum, dsum, w,
             eps, rows, d, round_before_weight, dx, static_cast<T*>(dbranch), dw_partial);
    });
  });
}

}  // namespace mm::cuda
