// RMSNorm of rows, forward and backward.
#include <cmath>

#include "ops/cpu/kernels.h"
#include "ops/cpu/simd.h"

namespace mm::cpu {

MM_SIMD_CLONES
void rms_norm_forward(const float* x, const float* w, float eps, int64_t d, int64_t begin, int64_t end, float* y,
                      float* inverse_rms) {
  for (int64_t row = begin; row < end; ++row) {
    const float* x_row = x + row * d;
    float* y_row = y + row * d;
    float sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < d; ++j) sum += x_row[j] * x_row[j];
    const float scale = 1.0f / std::sqrt(sum / static_cast<float>(d) + eps);
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) y_row[j] = x_row[j] * scale * w[j];
    inverse_rms[row] = scale;
  }
}

// With n = x / rms:  dx = (w dy - n mean(n w dy)) / rms,  dw = sum over rows of n dy.
MM_SIMD_CLONES
void rms_norm_backward(const float* dy, const float* x, const float* w, const float* inverse_rms, int64_t d,
                       int64_t begin, int64_t end, float* dx, float* dw) {
  for (int64_t row = begin; row < end; ++row) {
    const float* dy_row = dy + row * d;
    const float* x_row = x + row * d;
    float* dx_row = dx + row * d;
    const float scale = inverse_rms[row];
    float dot = 0;
#pragma omp simd reduction(+ : dot)
    for (int64_t j = 0; j < d; ++j) dot += x_row[j] * w[j] * dy_row[j];
    const float shift = dot * scale * scale / static_cast<float>(d);
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) {
      const float dy_j = dy_row[j];  // read first: dx may be dy
      dx_row[j] = (w[j] * dy_j - x_row[j] * shift) * scale;
      dw[j] += x_row[j] * scale * dy_j;
    }
  }
}

}  // namespace mm::cpu
