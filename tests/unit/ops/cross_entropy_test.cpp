// Cross entropy on the CPU against its definition.
#include "ops/cross_entropy.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "compare.h"

namespace mm {
namespace {

constexpr double kTolerance = 2e-6;  // of the largest value: sums of up to 6400 exponentials in another order

Op fast(const at::Tensor& targets) {
  return [=](const Tensors& inputs) { return Tensors{cross_entropy(inputs[0], targets)}; };
}
Op definition(const at::Tensor& targets) {
  return [=](const Tensors& inputs) { return Tensors{reference::cross_entropy(inputs[0], targets)}; };
}

at::Tensor targets_for(int64_t rows, int64_t vocabulary) {
  return at::arange(rows, at::kLong).mul(7).remainder(vocabulary);
}

TEST(CrossEntropy, EqualsItsDefinitionForAnyRowsAndVocabulary) {
  for (const auto& [rows, v] : std::vector<std::pair<int64_t, int64_t>>{{1, 8}, {1, 6400}, {5, 13}, {33, 1001}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << v);
    const at::Tensor targets = targets_for(rows, v);
    expect_same_op(fast(targets), definition(targets), {random_tensor({rows, v}, 1, 4)}, kTolerance);
  }
}

TEST(CrossEntropy, OfAnIgnoredTargetIsZeroAndSendsNoGradient) {
  const at::Tensor targets = at::tensor({3, -100, 5, -1}, at::kLong);
  const at::Tensor logits = random_tensor({4, 19}, 2);
  expect_same_op(fast(targets), definition(targets), {logits}, kTolerance);
  const Tensors results = forward_and_backward(fast(targets), {logits});
  for (int64_t row : {1, 3}) {
    EXPECT_EQ(results[0][row].item<float>(), 0.0f);
    EXPECT_EQ(results[1][row].abs().max().item<float>(), 0.0f);
  }
  EXPECT_GT(results[1][0].abs().max().item<float>(), 0.0f);
}

TEST(CrossEntropy, KeepsItsDigitsForHugeLogits) {
  // Half an ulp of 1000 is 3e-5 and goes into every probability of the backward pass; the loss itself stays exact.
  const at::Tensor targets = at::tensor({0, 1, 2}, at::kLong);
  const at::Tensor logits = random_tensor({3, 50}, 3) + 1000;
  expect_close({cross_entropy(logits, targets)}, {reference::cross_entropy(logits, targets)}, 1e-6);
  expect_close(forward_and_backward(fast(targets), {logits}), forward_and_backward(definition(targets), {logits}),
               1e-4);

  at::Tensor extreme = at::zeros({1, 4});
  extreme[0][1] = 1e30f;
  EXPECT_EQ(cross_entropy(extreme, at::tensor({1}, at::kLong)).item<float>(), 0.0f);
  EXPECT_EQ(cross_entropy(extreme, at::tensor({0}, at::kLong)).item<float>(), 1e30f);
}

TEST(CrossEntropy, TreatsInfiniteLogitsAsItsDefinitionDoes) {
  at::Tensor masked = random_tensor({1, 21}, 4);
  masked[0][20] = -kInfinity;
  const at::Tensor first = at::tensor({0}, at::kLong);
  const Tensors actual = forward_and_backward(fast(first), {masked});
  const Tensors expected = forward_and_backward(definition(first), {masked});
  EXPECT_TRUE(at::allclose(actual[0], expected[0], 1e-6));
  EXPECT_TRUE(at::allclose(actual[1], expected[1], 1e-5, 1e-7));
  EXPECT_LT(actual[1][0][20].abs().item<float>(), 1e-36f);  // a masked logit gets no gradient
  EXPECT_EQ(cross_entropy(masked, at::tensor({20}, at::kLong)).item<float>(), kInfinity);

  at::Tensor overflowed = random_tensor({1, 21}, 5);
  overflowed[0][3] = kInfinity;
  EXPECT_TRUE(std::isnan(cross_entropy(overflowed, first).item<float>()));
  EXPECT_TRUE(std::isnan(cross_entropy(at::full({1, 21}, -kInfinity), first).item<float>()));
}

TEST(CrossEntropy, LetsANanThroughFromAnyPlaceOfARow) {
  for (int64_t column = 0; column < 37; ++column) {
    at::Tensor logits = random_tensor({2, 37}, 6);
    logits[1][column] = kNan;
    const Tensors results = forward_and_backward(fast(at::tensor({4, 5}, at::kLong)), {logits});
    EXPECT_EQ(count_nan(results[0]), 1) << column;
    EXPECT_EQ(count_nan(results[1][0]), 0) << column;
    EXPECT_EQ(count_nan(results[1][1]), 37) << column;
  }
}

TEST(CrossEntropy, OfSixteenBitLogitsIsComputedInFp32) {
  const at::Tensor logits = random_tensor({6, 100}, 7).to(at::kBFloat16), targets = targets_for(6, 100);
  const at::Tensor loss = cross_entropy(logits, targets);
  EXPECT_EQ(loss.scalar_type(), at::kFloat);
  expect_close({loss}, {reference::cross_entropy(logits.to(at::kFloat), targets)}, 1e-6);
}

}  // namespace
}  // namespace mm
