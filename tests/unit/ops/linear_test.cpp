// Products with weights: values, and where their gradients go.
#include "ops/linear.h"

#include <ATen/ops/full.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/ones.h>

#include "compare.h"

namespace mm {
namespace {

constexpr double kTolerance = 3e-6;  // of the largest value: sums of up to 200 products in another order

TEST(Linear, EqualsAtenForAnyShape) {
  for (const auto& [rows, in, out] : std::vector<std::array<int64_t, 3>>{{1, 1, 1}, {1, 17, 5}, {200, 33, 7}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << in << " x " << out);
    expect_equals_definition([](const Tensors& x) { return Tensors{mm::linear(x[0], x[1])}; },
                             [](const Tensors& x) { return Tensors{at::linear(x[0], x[1])}; },
                             {random_tensor({rows, in}, 1), random_tensor({out, in}, 2)}, kTolerance);
  }
}

TEST(Linear, AddsIntoAnExistingGradientInPlace) {
  const at::Tensor x = random_tensor({9, 6}, 3);
  at::Tensor weight = random_tensor({4, 6}, 4).set_requires_grad(true);
  at::Tensor gradient = at::ones({4, 6});
  weight.mutable_grad() = gradient;
  mm::linear(x, weight).sum().backward();
  EXPECT_EQ(weight.grad().data_ptr(), gradient.data_ptr());
  expect_close({gradient}, {1 + x.sum(0).expand({4, 6})}, kTolerance);
  mm::linear(x, weight).sum().backward();
  expect_close({gradient}, {1 + 2 * x.sum(0).expand({4, 6})}, kTolerance);
}

TEST(Linear, WithoutAWeightGradientStillSendsTheInputItsOwn) {
  at::Tensor x = random_tensor({9, 6}, 5).set_requires_grad(true);
  const at::Tensor weight = random_tensor({4, 6}, 6);
  mm::linear(x, weight).sum().backward();
  expect_close({x.grad()}, {weight.sum(0).expand({9, 6})}, kTolerance);
}

TEST(Linear, OfSixteenBitWeightsAddsToAnFp32Gradient) {
  const at::Tensor x = random_tensor({16, 8}, 14).to(at::kBFloat16);
  at::Tensor weight = random_tensor({4, 8}, 15).to(at::kBFloat16).set_requires_grad(true);
  weight.set_grad_dtype(at::kFloat);
  at::Tensor gradient = at::full({4, 8}, 1e4);
  weight.mutable_grad() = gradient;
  mm::linear(x, weight).sum().backward();
  EXPECT_EQ(weight.grad().data_ptr(), gradient.data_ptr());
  // The sum of one micro-batch is rounded to bf16 once, and not swallowed by what the buffer already holds.
  expect_close({gradient - 1e4}, {x.to(at::kFloat).sum(0).expand({4, 8})}, 8e-3);
}

}  // namespace
}  // namespace mm
