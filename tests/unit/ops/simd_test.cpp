// The exponential that the CPU kernels vectorise.
#include "ops/cpu/simd.h"

#include <cmath>

#include "compare.h"

namespace mm::cpu {
namespace {

TEST(ExpApprox, StaysWithinThreeUlpOfTheExponential) {
  double worst = 0;
  for (int i = 0; i <= 1750000; ++i) {
    const float x = static_cast<float>(-87.0 + 1e-4 * i);
    const double exact = std::exp(static_cast<double>(x));
    const float rounded = static_cast<float>(exact);
    const double ulp = static_cast<double>(std::nextafter(rounded, kInfinity)) - static_cast<double>(rounded);
    worst = std::max(worst, std::abs(static_cast<double>(exp_approx(x)) - exact) / ulp);
  }
  EXPECT_LT(worst, 3.0);
}

TEST(ExpApprox, IsOneAtZeroAndClampedOutsideItsRange) {
  EXPECT_EQ(exp_approx(0.0f), 1.0f);
  EXPECT_EQ(exp_approx(-kInfinity), exp_approx(-87.0f));
  EXPECT_EQ(exp_approx(kInfinity), exp_approx(88.0f));
  EXPECT_LT(exp_approx(-1e30f), 2e-38f);
  EXPECT_GT(exp_approx(1e30f), 1e38f);
}

TEST(ExpApprox, OfNanIsNan) {
  EXPECT_TRUE(std::isnan(exp_approx(kNan)));
}

}  // namespace
}  // namespace mm::cpu
