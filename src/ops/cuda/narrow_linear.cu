// Products with a weight of few rows, in fp32, of x as it lies: a library's product would want a copy of x in fp32, and
// one of its gradient. A warp has some rows of x, and each value of the weight that it reads serves all of them.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kRows = 4;     // of x at a time
constexpr int kOutputs = 8;  // rows of the weight at a time
static_assert(kRows * kOutputs == kWarp);

template <int N, class T>
MM_KERNEL forward(const T* x, const float* w, int64_t rows, int64_t in, int64_t out, float* y) {
  const int64_t first = (block() * (kThreads / kWarp) + thread() / kWarp) * kRows;
  if (first >= rows) return;  // all of the warp
  for (int64_t o = 0; o < out; o += kOutputs) {
    Values<kRows * kOutputs> sums;
    for (int64_t column = lane() * N; column < in; column += kWarp * N) {
      Values<N> of_row[kRows];
      MM_UNROLL
      for (int r = 0; r < kRows; ++r) {
        if (first + r < rows) of_row[r] = load<N>(x + (first + r) * in + column);
      }
      MM_UNROLL
      for (int k = 0; k < kOutputs; ++k) {
        if (o + k >= out) continue;
        const Values<N> weight = load<N>(w + (o + k) * in + column);
        MM_UNROLL
        for (int r = 0; r < kRows; ++r) {
          MM_UNROLL
          for (int i = 0; i < N; ++i) sums[k * kRows + r] += of_row[r][i] * weight[i];
        }
      }
    }
    sums = reduce_lanes(Sum(), sums);
    float mine = 0;  // each lane stores one of them
    MM_UNROLL
    for (int i = 0; i < kWarp; ++i) mine = lane() == i ? sums[i] : mine;
    const int64_t row = first + lane() % kRows, output = o + lane() / kRows;
    if (row < rows && output < out) y[row * out + output] = mine;
  }
}

template <int N, class T>
MM_KERNEL input_gradient(const T* dx_before, const float* dy, const float* w, int64_t rows, int64_t in, int64_t out,
                         int64_t chunks, T* dx) {
  const auto [group, column] = row_place<N>(chunks);
  if (column >= in) return;
  const int64_t first = group * kRows;
  Values<N> sums[kRows];
  MM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    if (first + r < rows) sums[r] = load<N>(dx_before + (first + r) * in + column);
  }
  for (int64_t o = 0; o < out; ++o) {
    const Values<N> weight = load<N>(w + o * in + column);
    MM_UNROLL
    for (int r = 0; r < kRows; ++r) {
      if (first + r >= rows) continue;
      const float upstream = dy[(first + r) * out + o];
      MM_UNROLL
      for (int i = 0; i < N; ++i) sums[r][i] += upstream * weight[i];
    }
  }
  MM_UNROLL
  for (int r = 0; r < kRows; ++r) {
    if (first + r < rows) store(dx + (first + r) * in + column, sums[r]);
  }
}

/// A row of blocks has some outputs, a block a slice of the rows and a part of the inputs.
template <int N, class T>
MM_KERNEL weight_gradient(const float* dy, const T* x, int64_t rows, int64_t rows_of_slice, int64_t in, int64_t out,
                          int64_t chunks, float* dw_partial) {
  const auto [slice, column] = row_place<N>(chunks);
  if (column >= in) return;
  const int64_t first = static_cast<int64_t>(block_row()) * kOutputs, begin = slice * rows_of_slice;
  const int64_t end = begin + rows_of_slice < rows ? begin + rows_of_slice : rows;
  Values<N> sums[kOutputs];
  for (int64_t row = begin; row < end; ++row) {
    const Values<N> value = load<N>(x + row * in + column);
    MM_UNROLL
    for (int k = 0; k < kOutputs; ++k) {
      if (first + k >= out) continue;
      const float upstream = dy[row * out + first + k];
      MM_UNROLL
      for (int i = 0; i < N; ++i) sums[k][i] += upstream * value[i];
    }
  }
  MM_UNROLL
  for (int k = 0; k < kOutputs; ++k) {
    if (first + k < out) store(dw_partial + (slice * out + first + k) * in + column, sums[k]);
  }
}

}  // namespace

void narrow_linear_forward(ElementType type, const void* x, const float* w, int64_t rows, int64_t in, int64_t out,
                           float* y, Stream stream) {
  constexpr int64_t of_block = kThreads / kWarp * kRows;
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(in, x, w), [&]<int N>(Width<N>) {
      launch(forward<N, T>, {(rows + of_block - 1) / of_block, kThreads}, stream, static_cast<const T*>(x), w, rows, in,
             out, y);
    });
  });
}

void narrow_linear_backward(ElementType type, const void* dx_before, const float* dy, const void* x, const float* w,
                            int64_t rows, int64_t in, int64_t out, void* dx, float* dw_partial, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(in, dx_before, x, w, dx, dw_partial), [&]<int N>(Width<N>) {
      const RowBlocks of_row = row_blocks(in / N);
      launch(input_gradient<N, T>, {(rows + kRows - 1) / kRows * of_row.chunks, of_row.threads}, stream,
             static_cast<const T*>(dx_before), dy, w, rows, in, out, of_row.chunks, static_cast<T*>(dx));
      const int64_t slices = narrow_linear_slices(rows, out);
      if (slices == 0) return;
      launch(weight_gradient<N, T>,
             {slices * of_row.chunks, of_row.threads, static_cast<int>((out + kOutputs - 1) / kOutputs)}, stream, dy,
             static_cast<const T*>(x), rows, (rows + slices - 1) / slices, in, out, of_row.chunks, dw_partial);
    });
  });
}

}  // namespace mm::cuda
