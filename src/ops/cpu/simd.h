// What the CPU kernels share: instruction-set clones and a vectorisable exponential.
#pragma once

#include <cstdint>
#include <cstring>

/// Compiles a function for AVX-512, AVX2 and plain x86-64; once where the compiler or a sanitizer does not allow it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define MM_SIMD_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define MM_SIMD_CLONES
#endif

namespace mm::cpu {

/// e^x to about 2 ulp in [-87, 88], clamped outside, NaN for NaN; loops over it vectorise.
/// x = n ln 2 + r with ln 2 in two parts, a degree-6 Taylor polynomial in |r| <= ln 2 / 2, n as the exponent.
inline float exp_approx(float x) {
  x = x < -87.0f ? -87.0f : (x > 88.0f ? 88.0f : x);
  const float n = __builtin_rintf(x * 1.44269504f);
  const float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
  float p = 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  const int32_t exponent = (static_cast<int32_t>(n) + 127) << 23;
  float scale;
  std::memcpy(&scale, &exponent, sizeof scale);
  return p * scale;
}

inline float sigmoid_approx(float x) {
  return 1.0f / (1.0f + exp_approx(-x));
}

}  // namespace mm::cpu
