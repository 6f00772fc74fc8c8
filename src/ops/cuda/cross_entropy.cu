// Cross entropy of rows of logits: read once forward; read, and written over if the caller wants, backward.
#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;

/// A block for a row. Each thread has the highest value it saw, and the sum of the exponentials relative to it.
template <int N, class T>
MM_KERNEL forward(const T* logits, const int64_t* targets, int64_t v, float* loss, float* log_sum_exp) {
  const T* row = logits + block() * v;
  float highest = -INFINITY;
  Values<1> sum;
  for (int64_t column = thread() * N; column < v; column += kThreads * N) {
    const Values<N> x = load<N>(row + column);
    const float before = highest;
    MM_UNROLL
    for (int i = 0; i < N; ++i) highest = fmaxf(highest, x[i]);
    sum[0] *= share(before, highest);
    MM_UNROLL
    for (int i = 0; i < N; ++i) sum[0] += share(x[i], highest);
  }
  Values<1> peak;
  peak[0] = highest;
  peak = reduce_block(Max(), peak);
  sum[0] *= share(highest, peak[0]);
  sum = reduce_block(Sum(), sum);
  if (thread() != 0) return;
  const int64_t target = targets[block()];
  const float log_sum = logf(sum[0]);
  log_sum_exp[block()] = peak[0] + log_sum;
  // In this order a loss far smaller than the logits keeps its digits.
  loss[block()] = target < 0 ? 0.0f : (peak[0] - static_cast<float>(row[target])) + log_sum;
}

template <int N, class T>
MM_KERNEL backward(const float* dloss, const T* logits, const int64_t* targets, const float* log_sum_exp, int64_t v,
                   T* dlogits) {
  const int64_t target = targets[block()], row = block() * v;
  const float factor = dloss[block()], shift = log_sum_exp[block()];
  for (int64_t column = thread() * N; column < v; column += kThreads * N) {
    Values<N> x = load<N>(logits + row + column);
    MM_UNROLL
    for (int i = 0; i < N; ++i) {
      const float softmax = expf(x[i] - shift) * factor;
      x[i] = target < 0 ? 0.0f : column + i == target ? softmax - factor : softmax;
    }
    store(dlogits + row + column, x);
  }
}

}  // namespace

void cross_entropy_forward(ElementType type, const void* logits, const int64_t* targets, int64_t rows, int64_t v,
                           float* loss, float* log_sum_exp, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(v, logits), [&]<int N>(Width<N>) {
      launch(forward<N, T>, {rows, kThreads}, stream, static_cast<const T*>(logits), targets, v, loss, log_sum_exp);
    });
  });
}

void cross_entropy_backward(ElementType type, const float* dloss, const void* logits, const int64_t* targets,
                            const float* log_sum_exp, int64_t rows, int64_t v, void* dlogits, Stream stream) {
  with_type(type, [&]<class T>(T) {
    with_width(is_wide(v, logits, dlogits), [&]<int N>(Width<N>) {
      launch(backward<N, T>, {rows, kThreads}, stream, dloss, static_cast<const T*>(logits), targets, log_sum_exp, v,
             static_cast<T*>(dlogits));
    });
  });
}

}  // namespace mm::cuda
