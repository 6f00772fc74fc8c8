// RMSNorm on the CPU against its definition.
#include "ops/rms_norm.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>

#include "compare.h"

namespace mm {
namespace {

constexpr double kEps = 1e-5;
constexpr double kTolerance = 2e-6;  // of the largest value: sums of up to 768 products in another order

Tensors fast(const Tensors& inputs) {
  return {rms_norm(inputs[0], inputs[1], kEps, at::kFloat)};
}
Tensors definition(const Tensors& inputs) {
  return {reference::rms_norm(inputs[0], inputs[1], kEps, at::kFloat)};
}

TEST(RmsNorm, EqualsItsDefinitionForAnyRowsAndWidth) {
  for (const auto& [rows, width] :
       std::vector<std::pair<int64_t, int64_t>>{{1, 3}, {1, 768}, {3, 7}, {17, 31}, {100, 515}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_same_op(fast, definition, {random_tensor({rows, width}, 1), random_tensor({width}, 2)}, kTolerance);
  }
}

TEST(RmsNorm, TakesRowsOfAnyShapeAndStride) {
  const at::Tensor wide = random_tensor({2, 5, 40}, 3);
  const auto narrowed = [&](const auto& op) {
    return [&](const Tensors& inputs) { return op({inputs[0].narrow(2, 3, 24), inputs[1]}); };
  };
  expect_same_op(narrowed(fast), narrowed(definition), {wide, random_tensor({24}, 4)}, kTolerance);
}

TEST(RmsNorm, KeepsARowOfZerosZero) {
  EXPECT_EQ(rms_norm(at::zeros({2, 16}), at::ones({16}), kEps, at::kFloat).abs().max().item<float>(), 0.0f);
}

TEST(RmsNorm, LetsOneNanThroughToItsWholeRowAndToNoOther) {
  at::Tensor x = random_tensor({4, 33}, 5);
  x[2][32] = kNan;
  const at::Tensor y = rms_norm(x, at::ones({33}), kEps, at::kFloat);
  EXPECT_EQ(count_nan(y[2]), 33);
  EXPECT_EQ(count_nan(y), 33);
}

TEST(RmsNorm, RoundsToSixteenBitsBeforeOrAfterTheWeightAsAsked) {
  const at::Tensor x = random_tensor({8, 64}, 6), w = random_tensor({64}, 7);
  const at::Tensor normed = reference::rms_norm(x, at::ones({64}), kEps, at::kFloat);
  EXPECT_TRUE(
      at::equal(rms_norm(x, w, kEps, at::kBFloat16, NormRounding::kAfterWeight), (normed * w).to(at::kBFloat16)));
  EXPECT_TRUE(at::equal(rms_norm(x, w, kEps, at::kBFloat16, NormRounding::kBeforeWeight),
                        (normed.to(at::kBFloat16).to(at::kFloat) * w).to(at::kBFloat16)));
}

}  // namespace
}  // namespace mm
