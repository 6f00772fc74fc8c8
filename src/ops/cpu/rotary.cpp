// Norm and rotation of query and key heads where they lie in the joined projections.
#include <cmath>

#include "ops/cpu/kernels.h"
#include "ops/cpu/simd.h"

namespace mm::cpu {
namespace {

/// Turns the pairs of one head by the angles of its position; `direction` -1 turns back (the transpose).
inline void rotate(const float* x, const float* cosine, const float* sine, float direction, int64_t c, bool interleaved,
                   float* y) {
  const int64_t half = c / 2;
  if (interleaved) {
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[2 * i], b = x[2 * i + 1], s = direction * sine[i];
      y[2 * i] = a * cosine[i] - b * s;
      y[2 * i + 1] = a * s + b * cosine[i];
    }
  } else {
    for (int64_t i = 0; i < half; ++i) {
      const float a = x[i], b = x[i + half], s = direction * sine[i];
      y[i] = a * cosine[i] - b * s;
      y[i + half] = a * s + b * cosine[i];
    }
  }
}

}  // namespace

MM_SIMD_CLONES
void rotary_forward(const HeadShape& shape, const float* x, const float* w, float eps, const float* cosine,
                    const float* sine, int64_t begin, int64_t end, float* y, float* inverse_rms) {
  const int64_t c = shape.c;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t angle = (row % shape.time) * (c / 2);
    for (int64_t head = 0; head < shape.heads; ++head) {
      const float* x_head = x + row * shape.row_stride + head * c;
      float* y_head = y + (row * shape.heads + head) * c;
      if (w == nullptr) {
        rotate(x_head, cosine + angle, sine + angle, 1, c, shape.interleaved, y_head);
        continue;
      }
      float* normed = y_head;
      rms_norm_forward(x_head, w, eps, c, 0, 1, normed, inverse_rms + row * shape.heads + head);
      rotate(normed, cosine + angle, sine + angle, 1, c, shape.interleaved, y_head);
    }
  }
}

MM_SIMD_CLONES
void rotary_backward(const HeadShape& shape, const float* dy, const float* x, const float* w, const float* inverse_rms,
                     const float* cosine, const float* sine, int64_t begin, int64_t end, float* dx, float* dw) {
  const int64_t c = shape.c;
  for (int64_t row = begin; row < end; ++row) {
    const int64_t angle = (row % shape.time) * (c / 2);
    for (int64_t head = 0; head < shape.heads; ++head) {
      const float* dy_head = dy + (row * shape.heads + head) * c;
      const int64_t place = row * shape.row_stride + head * c;
      rotate(dy_head, cosine + angle, sine + angle, -1, c, shape.interleaved, dx + place);
      if (w == nullptr) continue;
      rms_norm_backward(dx + place, x + place, w, inverse_rms + row * shape.heads + head, c, 0, 1, dx + place, dw);
    }
  }
}

}  // namespace mm::cpu
