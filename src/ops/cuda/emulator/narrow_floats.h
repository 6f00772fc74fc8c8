// The 16-bit types of the kernels where there is no CUDA: storage, and conversion with rounding to nearest even.
#pragma once

#include <bit>
#include <cstdint>

namespace mm::cuda {

struct BFloat16 {
  uint16_t bits = 0;

  BFloat16() = default;
  explicit BFloat16(float x) {
    const auto wide = std::bit_cast<uint32_t>(x);
    const bool is_nan = (wide & 0x7fffffff) > 0x7f800000;
    bits = static_cast<uint16_t>(is_nan ? 0x7fc0 : (wide + 0x7fff + ((wide >> 16) & 1)) >> 16);
  }
  explicit operator float() const { return std::bit_cast<float>(static_cast<uint32_t>(bits) << 16); }
};

struct Half {
  uint16_t bits = 0;

  Half() = default;
  explicit Half(float x) {
    uint32_t wide = std::bit_cast<uint32_t>(x);
    const uint32_t sign = (wide >> 16) & 0x8000;
    wide &= 0x7fffffff;
    uint32_t narrow = 0;
    if (wide >= 0x47800000) {  // 65536 and more, infinity, NaN
      narrow = wide > 0x7f800000 ? 0x7e00 : 0x7c00;
    } else if (wide < 0x38800000) {  // below 2^-14: the last digit of a half is that of 0.5 in fp32
      narrow = std::bit_cast<uint32_t>(std::bit_cast<float>(wide) + 0.5f) - std::bit_cast<uint32_t>(0.5f);
    } else {  // other bias of the exponent, ten digits
      narrow = (wide - (112u << 23) + 0xfff + ((wide >> 13) & 1)) >> 13;
    }
    bits = static_cast<uint16_t>(sign | narrow);
  }
  explicit operator float() const {
    const uint32_t sign = static_cast<uint32_t>(bits & 0x8000) << 16;
    const uint32_t exponent = (bits >> 10) & 31, digits = bits & 0x3ff;
    if (exponent == 0) {  // digits / 2^24
      const float size = static_cast<float>(digits) * 0x1p-24f;
      return std::bit_cast<float>(sign | std::bit_cast<uint32_t>(size));
    }
    const uint32_t wide_exponent = exponent == 31 ? 255 : exponent + 112;
    return std::bit_cast<float>(sign | wide_exponent << 23 | digits << 13);
  }
};

}  // namespace mm::cuda
