// AdamW as one pass: 34 bytes for each parameter with a 16-bit shadow, where a pass for each thing that is done to it
// moves 42.
#include <algorithm>

#include "ops/cuda/device_code.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 256;
/// As many as a large GPU has at work at a time.
constexpr int64_t kMostBlocks = 1024;

/// AdamWNumbers as the arithmetic wants them.
struct Factors {
  float learning_rate, decay, of_mean, beta2, of_square, log_beta1, log_beta2, eps;
};

Factors factors_of(const AdamWNumbers& numbers) {
  return {.learning_rate = static_cast<float>(numbers.learning_rate),
          .decay = static_cast<float>(numbers.learning_rate * numbers.weight_decay),
          .of_mean = static_cast<float>(1 - numbers.beta1),
          .beta2 = static_cast<float>(numbers.beta2),
          .of_square = static_cast<float>(1 - numbers.beta2),
          .log_beta1 = static_cast<float>(std::log(numbers.beta1)),
          .log_beta2 = static_cast<float>(std::log(numbers.beta2)),
          .eps = static_cast<float>(numbers.eps)};
}

template <int N, class T>
MM_KERNEL update(AdamWRange range, Factors factors, const float* divisor, const float* skip, const float* updates) {
  const bool skipped = *skip != 0;
  const float loss_scale = *divisor, t = *updates;
  // 1 - beta^t, which for a beta close to 1 has no digits left when it is computed in this form.
  const float mean_part = -expm1f(t * factors.log_beta1), square_part = -expm1f(t * factors.log_beta2);
  const float step = factors.learning_rate / mean_part, root_part = sqrtf(square_part);
  for (int64_t at = (block() * threads() + thread()) * N; at < range.size; at += blocks() * threads() * N) {
    if (!skipped) {
      Values<N> parameter = load<N>(range.parameters + at), gradient = load<N>(range.gradients + at);
      Values<N> mean = load<N>(range.first_moment + at), square = load<N>(range.second_moment + at);
      const float decay = at < range.decayed ? factors.decay : 0.0f;
      MM_UNROLL
      for (int i = 0; i < N; ++i) {
        const float g = gradient[i] / loss_scale;
        mean[i] += factors.of_mean * (g - mean[i]);
        square[i] = factors.beta2 * square[i] + factors.of_square * g * g;
        parameter[i] -= decay * parameter[i];
        parameter[i] -= step * mean[i] / (sqrtf(square[i]) / root_part + factors.eps);
      }
      store(range.parameters + at, parameter);
      store(range.first_moment + at, mean);
      store(range.second_moment + at, square);
      if (at < range.shadowed) store(static_cast<T*>(range.shadow) + at, parameter);
    }
    store(range.gradients + at, Values<N>());
  }
}

}  // namespace

void adamw_update(ElementType shadow_type, const AdamWRange& range, const AdamWNumbers& numbers, const float* divisor,
                  const float* skip, const float* updates, Stream stream) {
  const bool wide =
      range.shadowed % kWide == 0 && range.decayed % kWide == 0 &&
      is_wide(range.size, range.parameters, range.gradients, range.first_moment, range.second_moment, range.shadow);
  with_type(shadow_type, [&]<class T>(T) {
    with_width(wide, [&]<int N>(Width<N>) {
      const int64_t blocks = (range.size + kThreads * N - 1) / (kThreads * N);
      launch(update<N, T>, {std::min(blocks, kMostBlocks), kThreads}, stream, range, factors_of(numbers), divisor, skip,
             updates);
    });
  });
}

}  // namespace mm::cuda
