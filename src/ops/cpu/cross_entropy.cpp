// Cross entropy of rows of logits, forward and backward.
#include <algorithm>
#include <cmath>
#include <limits>

#include "ops/cpu/kernels.h"
#include "ops/cpu/simd.h"

namespace mm::cpu {

MM_SIMD_CLONES
void cross_entropy_forward(const float* logits, const int64_t* targets, int64_t v, int64_t begin, int64_t end,
                           float* loss, float* log_sum_exp) {
  for (int64_t row = begin; row < end; ++row) {
    const float* logits_row = logits + row * v;
    float peak = -std::numeric_limits<float>::infinity();
#pragma omp simd reduction(max : peak)
    for (int64_t j = 0; j < v; ++j) peak = logits_row[j] > peak ? logits_row[j] : peak;  // std::max does not vectorise
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < v; ++j) sum += exp_approx(logits_row[j] - peak);
    const float log_sum = std::log(sum);
    log_sum_exp[row] = peak + log_sum;
    // In this order a loss far smaller than the logits keeps its digits.
    loss[row] = targets[row] < 0 ? 0.0f : (peak - logits_row[targets[row]]) + log_sum;
  }
}

MM_SIMD_CLONES
void cross_entropy_backward(const float* dloss, const float* logits, const int64_t* targets, const float* log_sum_exp,
                            int64_t v, int64_t begin, int64_t end, float* dlogits) {
  for (int64_t row = begin; row < end; ++row) {
    const float* logits_row = logits + row * v;
    float* dlogits_row = dlogits + row * v;
    if (targets[row] < 0) {
      std::fill(dlogits_row, dlogits_row + v, 0.0f);
      continue;
    }
    const float shift = log_sum_exp[row];
    const float factor = dloss[row];
#pragma omp simd
    for (int64_t j = 0; j < v; ++j) dlogits_row[j] = exp_approx(logits_row[j] - shift) * factor;
    dlogits_row[targets[row]] -= factor;
  }
}

}  // namespace mm::cpu
