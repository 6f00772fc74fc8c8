// Weighted sums of gathered rows: what combine and the gradient of dispatch are made of.
#include "ops/cpu/kernels.h"
#include "ops/cpu/simd.h"

namespace mm::cpu {

MM_SIMD_CLONES
void gather_sum(const float* x, const float* weight, const int64_t* row_of, const float* addend, int64_t slots,
                int64_t d, int64_t begin, int64_t end, float* y) {
  for (int64_t token = begin; token < end; ++token) {
    float* y_row = y + token * d;
    for (int64_t slot = 0; slot < slots; ++slot) {
      const float* x_row = x + row_of[token * slots + slot] * d;
      const float factor = weight == nullptr ? 1.0f : weight[token * slots + slot];
      if (slot == 0) {
#pragma omp simd
        for (int64_t j = 0; j < d; ++j) y_row[j] = factor * x_row[j];
      } else {
#pragma omp simd
        for (int64_t j = 0; j < d; ++j) y_row[j] += factor * x_row[j];
      }
    }
    if (addend == nullptr) continue;
#pragma omp simd
    for (int64_t j = 0; j < d; ++j) y_row[j] += addend[token * d + j];
  }
}

MM_SIMD_CLONES
void gather_sum_backward(const float* dy, const float* x, const float* weight, const int64_t* row_of, int64_t slots,
                         int64_t d, int64_t begin, int64_t end, float* dx, float* dweight) {
  for (int64_t token = begin; token < end; ++token) {
    const float* dy_row = dy + token * d;
    for (int64_t slot = 0; slot < slots; ++slot) {
      const int64_t row = row_of[token * slots + slot];
      const float* x_row = x + row * d;
      float* dx_row = dx + row * d;
      const float factor = weight[token * slots + slot];
      float dot = 0;
#pragma omp simd reduction(+ : dot)
      for (int64_t j = 0; j < d; ++j) {
        dot += x_row[j] * dy_row[j];
        dx_row[j] = factor * dy_row[j];
      }
      dweight[token * slots + slot] = dot;
    }
  }
}

}  // namespace mm::cpu
