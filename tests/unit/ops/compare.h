// What the tests of ops share: tensors by seed, an op with its gradients, comparison with the definition.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <vector>

namespace mm {

using Tensors = std::vector<at::Tensor>;
/// An op as a function of its differentiable inputs.
using Op = std::function<Tensors(const Tensors&)>;

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
inline constexpr float kInfinity = std::numeric_limits<float>::infinity();

inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed, double scale = 1) {
  return at::randn(shape, at::detail::createCPUGenerator(seed)) * scale;
}

/// The outputs of `op`, then the gradient of each input, for fixed random gradients of the outputs, which are numbers
/// of `upstream_type`.
inline Tensors forward_and_backward(const Op& op, const Tensors& inputs, at::ScalarType upstream_type = at::kFloat) {
  Tensors leaves;
  for (const at::Tensor& input : inputs) leaves.push_back(input.detach().clone().set_requires_grad(true));
  Tensors results = op(leaves);
  at::Tensor total;
  for (size_t i = 0; i < results.size(); ++i) {
    const at::Tensor upstream =
        random_tensor(results[i].sizes(), 1000 + i).to(upstream_type).to(at::kFloat).to(results[i].device());
    const at::Tensor term = (results[i].to(at::kFloat) * upstream).sum();
    total = total.defined() ? total + term : term;
  }
  total.backward();
  for (const at::Tensor& leaf : leaves) results.push_back(leaf.grad());
  return results;
}

/// Every tensor differs by at most `tolerance` times its largest expected magnitude.
inline void expect_close(const Tensors& actual, const Tensors& expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "tensor " << i;
    ASSERT_EQ(actual[i].scalar_type(), expected[i].scalar_type()) << "tensor " << i;
    if (expected[i].numel() == 0) continue;
    const at::Tensor a = actual[i].detach().cpu().to(at::kDouble), e = expected[i].detach().cpu().to(at::kDouble);
    EXPECT_LE((a - e).abs().max().item<double>(), tolerance * e.abs().max().item<double>()) << "tensor " << i;
  }
}

inline void expect_same_bytes(const Tensors& actual, const Tensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) EXPECT_TRUE(at::equal(actual[i], expected[i])) << "tensor " << i;
}

/// `fast` agrees with `definition` forward and backward, and gives the same bytes when called again.
inline void expect_equals_definition(const Op& fast, const Op& definition, const Tensors& inputs, double tolerance) {
  const Tensors results = forward_and_backward(fast, inputs);
  expect_same_bytes(forward_and_backward(fast, inputs), results);
  expect_close(results, forward_and_backward(definition, inputs), tolerance);
}

/// The same for our own kernels, which also give the same bytes with one thread and with two. (The products of MKL and
/// the attention of ATen do not.)
inline void expect_same_op(const Op& fast, const Op& definition, const Tensors& inputs, double tolerance) {
  const int threads = at::get_num_threads();
  at::set_num_threads(1);
  const Tensors with_one = forward_and_backward(fast, inputs);
  at::set_num_threads(2);
  expect_same_bytes(forward_and_backward(fast, inputs), with_one);
  expect_equals_definition(fast, definition, inputs, tolerance);
  at::set_num_threads(threads);
}

inline int64_t count_nan(const at::Tensor& x) {
  return x.isnan().sum().item<int64_t>();
}

}  // namespace mm
