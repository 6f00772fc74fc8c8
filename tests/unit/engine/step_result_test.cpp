// The one way of a step's numbers to the host loses nothing.
#include "engine/step_result.h"

#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace mm {
namespace {

StepResult dense_result() {
  StepResult result;
  result.loss = at::full({}, 5.4321f);
  result.grad_norm = at::full({}, 1e-30f);
  result.skipped = at::full({}, 0.0f);
  result.loss_scale = at::full({}, 65536.0f);
  return result;
}

TEST(StepResult, ScalarsAndCountsTravelExactly) {
  StepResult result = dense_result();
  result.balance_loss = at::full({}, 0.1f);
  result.z_loss = at::full({}, 1.0f / 3.0f);
  const std::vector<int64_t> counts = {0, 1, (int64_t{1} << 24) + 1, (int64_t{1} << 40) + 1, 5, 6};
  result.expert_tokens_le = at::tensor(counts).view({2, 3});
  StepRecord record;
  result.read_into(record);
  EXPECT_EQ(record.loss, 5.4321f);
  EXPECT_EQ(record.aux_loss, 0.1f);
  EXPECT_EQ(record.z_loss, 1.0f / 3.0f);
  EXPECT_EQ(record.grad_norm, 1e-30f);
  EXPECT_EQ(record.loss_scale, 65536.0);
  EXPECT_FALSE(record.skipped);
  EXPECT_EQ(record.load.layers, 2);
  EXPECT_EQ(record.load.experts, 3);
  EXPECT_EQ(record.load.tokens, counts);
}

TEST(StepResult, ADenseModelHasNoLoadAndNoAuxiliaryLosses) {
  StepRecord record;
  dense_result().read_into(record);
  EXPECT_TRUE(record.load.empty());
  EXPECT_EQ(record.aux_loss, 0.0);
  EXPECT_EQ(record.z_loss, 0.0);
}

TEST(StepResult, ASkippedStepSaysSoAndKeepsWhatWasNotFinite) {
  StepResult result = dense_result();
  result.loss = at::full({}, std::numeric_limits<float>::quiet_NaN());
  result.grad_norm = at::full({}, std::numeric_limits<float>::infinity());
  result.skipped = at::full({}, 1.0f);
  StepRecord record;
  result.read_into(record);
  EXPECT_TRUE(std::isnan(record.loss));
  EXPECT_TRUE(std::isinf(record.grad_norm));
  EXPECT_TRUE(record.skipped);
}

}  // namespace
}  // namespace mm
