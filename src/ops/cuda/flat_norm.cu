// The norm of a flat buffer in one pass: each block sums the squares of its rows, and one block sums what they have.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 128;

/// Over the threads of a block, in a fixed order; for thread 0.
MM_DEVICE double sum_of_block(double x) {
  MM_SHARED(double, of_threads, kThreads);
  of_threads[thread()] = x;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    barrier();
    if (thread() < half) of_threads[thread()] += of_threads[thread() + half];
  }
  return of_threads[thread()];
}

/// Of neighbours in fp32, of all others in fp64.
template <int N>
MM_KERNEL square_sums(const float* flat, int64_t rows, double* partial) {
  double sum = 0;
  for (int64_t row = block(); row < rows; row += blocks()) {
    for (int64_t column = thread() * N; column < kNormRow; column += kThreads * N) {
      const Values<N> x = load<N>(flat + row * kNormRow + column);
      float squares = 0;
      MM_UNROLL
      for (int i = 0; i < N; ++i) squares += x[i] * x[i];
      sum += squares;
    }
  }
  sum = sum_of_block(sum);
  if (thread() == 0) partial[block()] = sum;
}

MM_KERNEL root_of_sum(const double* partial, int64_t count, float* norm) {
  double sum = 0;
  for (int64_t i = thread(); i < count; i += kThreads) sum += partial[i];
  sum = sum_of_block(sum);
  if (thread() == 0) *norm = static_cast<float>(sqrt(sum));
}

}  // namespace

void flat_norm(const float* flat, int64_t rows, double* partial, float* norm, Stream stream) {
  with_width(is_wide(kNormRow, flat), [&]<int N>(Width<N>) {
    launch(square_sums<N>, {partial_sums(rows), kThreads}, stream, flat, rows, partial);
  });
  launch(root_of_sum, {1, kThreads}, stream, partial, partial_sums(rows), norm);
}

}  // namespace mm::cuda
