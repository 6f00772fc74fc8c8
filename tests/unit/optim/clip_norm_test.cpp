// The norm that PyTorch clips by.
#include "optim/clip_norm.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <cmath>

namespace mm {
namespace {

TEST(ClipNorm, IsTheNormOverAllParameters) {
  const at::Tensor matrix = at::full({4, 8}, 0.5f), vector = at::full({3}, -2.0f);
  EXPECT_NEAR(clip_norm({matrix, vector}).item<double>(), std::sqrt(32 * 0.25 + 3 * 4.0), 1e-6);
}

TEST(ClipNorm, ShowsAnyValueThatIsNotFinite) {
  at::Tensor vector = at::full({3}, 1.0f);
  vector[1] = INFINITY;
  EXPECT_FALSE(std::isfinite(clip_norm({at::full({4}, 1.0f), vector}).item<double>()));
}

}  // namespace
}  // namespace mm
