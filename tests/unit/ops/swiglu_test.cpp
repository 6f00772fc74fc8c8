// SwiGLU on the CPU against its definition.
#include "ops/swiglu.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "compare.h"

namespace mm {
namespace {

constexpr double kTolerance = 1e-6;  // of the largest value: a few ulp of the exponential

Tensors fast(const Tensors& inputs) {
  return {swiglu(inputs[0])};
}
Tensors definition(const Tensors& inputs) {
  return {reference::swiglu(inputs[0])};
}

TEST(Swiglu, EqualsItsDefinitionForAnyRowsAndWidth) {
  for (const auto& [rows, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {1, 64}, {3, 7}, {129, 321}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_same_op(fast, definition, {random_tensor({rows, 2 * width}, 1, 3)}, kTolerance);
  }
}

TEST(Swiglu, OfNoRowsIsNoRows) {
  const Tensors results = forward_and_backward(fast, {at::zeros({0, 24})});
  EXPECT_EQ(results[0].sizes(), at::IntArrayRef({0, 12}));
  EXPECT_EQ(results[1].sizes(), at::IntArrayRef({0, 24}));
}

TEST(Swiglu, SaturatesLikeItsDefinitionForHugeGates) {
  const at::Tensor gates = at::tensor({-1e4f, -200.0f, -89.0f, -87.5f, 87.5f, 89.0f, 200.0f, 1e4f});
  const at::Tensor x = at::cat({gates, at::ones({8})}).unsqueeze(0);
  // The exponential is clamped where the true value is below 1e-37 of the gate, so only that much may remain.
  const Tensors actual = forward_and_backward(fast, {x}), expected = forward_and_backward(definition, {x});
  for (size_t i = 0; i < actual.size(); ++i) EXPECT_TRUE(at::allclose(actual[i], expected[i], 1e-6, 1e-33)) << i;
}

TEST(Swiglu, HidesNoValueThatIsNotFinite) {
  for (int64_t at_column = 0; at_column < 40; ++at_column) {  // every lane of a vector, and the rest of the row
    at::Tensor x = random_tensor({2, 40}, 2);
    x[1][at_column] = kNan;
    const Tensors results = forward_and_backward(fast, {x});
    EXPECT_EQ(count_nan(results[0]), 1) << at_column;
    EXPECT_GE(count_nan(results[1]), 1) << at_column;
  }
  at::Tensor x = at::ones({1, 4});
  x[0][0] = kInfinity;
  x[0][1] = -kInfinity;
  const at::Tensor y = swiglu(x);
  EXPECT_EQ(y[0][0].item<float>(), kInfinity);
  EXPECT_FALSE(std::isfinite(y[0][1].item<float>()));
}

}  // namespace
}  // namespace mm
