// SwiGLU of rows, forward and backward.
#include "ops/cpu/kernels.h"
#include "ops/cpu/simd.h"

namespace mm::cpu {

MM_SIMD_CLONES
void swiglu_forward(const float* gate_up, int64_t width, int64_t begin, int64_t end, float* y) {
  for (int64_t row = begin; row < end; ++row) {
    const float* gate = gate_up + row * 2 * width;
    const float* up = gate + width;
    float* y_row = y + row * width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) y_row[i] = gate[i] * sigmoid_approx(gate[i]) * up[i];
  }
}

// With s = sigmoid(g):  du = g s dy,  dg = u s (1 + g (1 - s)) dy.
MM_SIMD_CLONES
void swiglu_backward(const float* dy, const float* gate_up, int64_t width, int64_t begin, int64_t end,
                     float* dgate_up) {
  for (int64_t row = begin; row < end; ++row) {
    const float* gate = gate_up + row * 2 * width;
    const float* up = gate + width;
    const float* dy_row = dy + row * width;
    float* dgate = dgate_up + row * 2 * width;
    float* dup = dgate + width;
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) {
      const float s = sigmoid_approx(gate[i]);
      dup[i] = gate[i] * s * dy_row[i];
      dgate[i] = up[i] * s * (1.0f + gate[i] * (1.0f - s)) * dy_row[i];
    }
  }
}

}  // namespace mm::cpu
