// The loss scale of fp16.
#include "optim/loss_scaler.h"

#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace mm {
namespace {

const at::Tensor& finite() {
  static const at::Tensor skip = at::zeros({});
  return skip;
}
const at::Tensor& not_finite() {
  static const at::Tensor skip = at::ones({});
  return skip;
}

TEST(LossScaler, HalvesAfterAStepThatIsNotFinite) {
  LossScaler scaler(true, at::kCPU);
  const float first = scaler.scale().item<float>();
  EXPECT_EQ(first, 65536.0f);
  scaler.update(not_finite());
  scaler.update(not_finite());
  EXPECT_EQ(scaler.scale().item<float>(), first / 4);
}

TEST(LossScaler, DoublesAfterTwoThousandFiniteStepsInARow) {
  LossScaler scaler(true, at::kCPU);
  for (int i = 0; i < 1999; ++i) scaler.update(finite());
  EXPECT_EQ(scaler.scale().item<float>(), 65536.0f);
  EXPECT_EQ(scaler.finite_steps().item<int>(), 1999);
  scaler.update(finite());
  EXPECT_EQ(scaler.scale().item<float>(), 131072.0f);
  EXPECT_EQ(scaler.finite_steps().item<int>(), 0);

  for (int i = 0; i < 1999; ++i) scaler.update(finite());
  scaler.update(not_finite());
  EXPECT_EQ(scaler.scale().item<float>(), 65536.0f);
  EXPECT_EQ(scaler.finite_steps().item<int>(), 0);
}

TEST(LossScaler, StaysAtOneWhenSwitchedOff) {
  LossScaler scaler(false, at::kCPU);
  scaler.update(not_finite());
  for (int i = 0; i < 2001; ++i) scaler.update(finite());
  EXPECT_EQ(scaler.scale().item<float>(), 1.0f);
}

}  // namespace
}  // namespace mm
