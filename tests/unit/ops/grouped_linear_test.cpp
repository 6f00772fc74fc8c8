// Products of rows with the weight of their expert: values, and where their gradients go.
#include "ops/experts/grouped_linear.h"

#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "compare.h"
#include "ops/linear.h"

namespace mm {
namespace {

constexpr double kTolerance = 3e-6;  // of the largest value: sums of up to 700 products in another order

/// Rows of four experts; the second and the last have none.
const at::Tensor& ends_with_idle_experts() {
  static const at::Tensor ends = at::tensor({3, 3, 24, 24}, at::kInt);
  return ends;
}

TEST(GroupedLinear, EqualsItsDefinitionWithIdleExperts) {
  const at::Tensor& ends = ends_with_idle_experts();
  expect_equals_definition([&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends)}; },
                           [&](const Tensors& x) { return Tensors{reference::grouped_linear(x[0], x[1], ends)}; },
                           {random_tensor({24, 17}, 7), random_tensor({4, 11, 17}, 8)}, kTolerance);
}

/// Blocks of rows and of features, whole ones and the rest of them.
TEST(GroupedLinear, OfExpertsLargerThanABlockEqualsItsDefinitionWithAnyNumberOfThreads) {
  const at::Tensor ends = at::tensor({700, 700, 956, 969}, at::kInt);
  expect_same_op([&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends)}; },
                 [&](const Tensors& x) { return Tensors{reference::grouped_linear(x[0], x[1], ends)}; },
                 {random_tensor({969, 33}, 16), random_tensor({4, 300, 33}, 17)}, kTolerance);
}

/// Not a bit of a mixture of one expert differs from the dense model.
TEST(GroupedLinear, OfOneExpertIsLinear) {
  const at::Tensor ends = at::tensor({0, 600}, at::kInt), x = random_tensor({600, 40}, 18);
  const at::Tensor weights = random_tensor({2, 300, 40}, 19);
  const Tensors of_experts = forward_and_backward(
      [&](const Tensors& in) { return Tensors{grouped_linear(in[0], in[1], ends)}; }, {x, weights});
  const Tensors dense =
      forward_and_backward([&](const Tensors& in) { return Tensors{mm::linear(in[0], in[1])}; }, {x, weights[1]});
  expect_same_bytes({of_experts[0], of_experts[1], of_experts[2][1]}, dense);
}

TEST(GroupedLinear, TakesBatchesWithoutAnyRow) {
  const at::Tensor ends = at::zeros({2}, at::kInt);
  const Tensors results =
      forward_and_backward([&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends)}; },
                           {at::zeros({0, 8}), random_tensor({2, 5, 8}, 9)});
  EXPECT_EQ(results[0].sizes(), at::IntArrayRef({0, 5}));
  EXPECT_EQ(results[2].abs().max().item<float>(), 0.0f);
}

TEST(GroupedLinear, AddsInPlaceAndLeavesTheGradientOfAnIdleExpertUntouched) {
  at::Tensor weight = random_tensor({4, 5, 8}, 10).set_requires_grad(true);
  at::Tensor gradient = at::zeros({4, 5, 8});
  weight.mutable_grad() = gradient;
  grouped_linear(random_tensor({24, 8}, 11), weight, ends_with_idle_experts()).square().sum().backward();
  EXPECT_EQ(weight.grad().data_ptr(), gradient.data_ptr());
  for (int64_t expert = 0; expert < 4; ++expert) {
    const bool idle = expert % 2 == 1;
    EXPECT_EQ(gradient[expert].abs().max().item<float>() == 0.0f, idle) << expert;
  }
}

TEST(GroupedLinear, HandsAnIdleExpertAGradientOfExactlyZero) {
  at::Tensor weight = random_tensor({4, 5, 8}, 12).set_requires_grad(true);
  grouped_linear(random_tensor({24, 8}, 13), weight, ends_with_idle_experts()).sum().backward();
  EXPECT_EQ(weight.grad()[1].abs().max().item<float>(), 0.0f);
  EXPECT_EQ(weight.grad()[3].abs().max().item<float>(), 0.0f);
}

}  // namespace
}  // namespace mm
