// Ops that work on rows by themselves, on the CUDA path.
#include <ATen/ops/arange.h>

#include "cuda_op_test.h"
#include "ops/cross_entropy.h"
#include "ops/rms_norm.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

TEST_P(Cuda, SwigluEqualsItsDefinition) {
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 1}, {1, 8}, {3, 7}, {2, 2056}, {17, 320}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel([](const Tensors& x) { return Tensors{swiglu(x[0])}; },
                  [](const Tensors& x) { return Tensors{reference::swiglu(x[0])}; },
                  {random_tensor({rows, 2 * width}, 1, 3)}, {false});
  }
  const auto on_unaligned = [](const auto& op) {
    return [=](const Tensors& x) { return Tensors{op(unaligned(x[0], 3, 16))}; };
  };
  expect_kernel(on_unaligned(swiglu), on_unaligned(reference::swiglu), {random_tensor({49}, 1)}, {false});
}

TEST_P(Cuda, SwigluLetsANanThroughToItsPlaceAlone) {
  at::Tensor x = rounded(random_tensor({2, 40}, 2));
  x[1][3] = kNan;
  const at::Tensor y = on_device([&] { return swiglu(x.to(device())); });
  EXPECT_EQ(count_nan(y), 1);
  EXPECT_EQ(count_nan(y[1][3]), 1);
}

constexpr double kEps = 1e-5;

TEST_P(Cuda, RmsNormEqualsItsDefinition) {
  // The last one has more rows than partial sums.
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 7}, {1, 8}, {3, 33}, {9, 768}, {2, 2048}, {1027, 8}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel([&](const Tensors& x) { return Tensors{rms_norm(x[0], x[1], kEps, dtype())}; },
                  [](const Tensors& x) { return Tensors{reference::rms_norm(x[0], x[1], kEps, at::kFloat)}; },
                  {random_tensor({rows, width}, 3), random_tensor({width}, 4)}, {true, true});
  }
  const auto on_unaligned = [](const auto& op) {
    return [=](const Tensors& x) { return Tensors{op(unaligned(x[0], 3, 16), x[1])}; };
  };
  expect_kernel(on_unaligned([&](const auto& x, const auto& w) { return rms_norm(x, w, kEps, dtype()); }),
                on_unaligned([](const auto& x, const auto& w) { return reference::rms_norm(x, w, kEps, at::kFloat); }),
                {random_tensor({49}, 6), random_tensor({16}, 7)}, {true, true});
}

TEST_P(Cuda, AddAndRmsNormEqualTheirDefinition) {
  for (const auto& [rows, width] : Shapes{{0, 8}, {1, 7}, {1, 8}, {3, 33}, {9, 768}, {33, 16}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << width);
    expect_kernel(
        [&](const Tensors& x) {
          const NormedSum next = add_rms_norm(x[0], x[2], x[1], kEps, dtype());
          return Tensors{next.sum_nd, next.normed_nd};
        },
        [](const Tensors& x) {
          const at::Tensor sum = x[0] + x[2];
          return Tensors{sum, reference::rms_norm(sum, x[1], kEps, at::kFloat)};
        },
        {random_tensor({rows, width}, 3), random_tensor({width}, 4), random_tensor({rows, width}, 5)},
        {true, true, false});
  }
}

TEST_P(Cuda, RmsNormRoundsBeforeTheWeightWhereItIsAsked) {
  // What is on the edge of two numbers may fall to either side; a kernel that does not round misses half of all.
  const at::Tensor upstream = rounded(random_tensor({16, 256}, 8));
  const auto run = [&](const auto& norm, at::Device place) {
    const at::Tensor x = random_tensor({16, 256}, 6).to(place);
    const at::Tensor weight = random_tensor({256}, 7).to(place).set_requires_grad(true);
    const at::Tensor y = norm(x, weight, kEps, dtype(), NormRounding::kBeforeWeight);
    (y.to(at::kFloat) * upstream.to(place).to(at::kFloat)).sum().backward();
    return Tensors{y.detach().cpu(), weight.grad().cpu()};
  };
  const Tensors actual = on_device_repeatedly([&] { return run(rms_norm, device()); });
  const Tensors expected = run(reference::rms_norm, at::kCPU);
  EXPECT_LE(actual[0].ne(expected[0]).sum().item<int64_t>(), dtype() == at::kFloat ? 4096 : 40);
  expect_close({actual[0].to(at::kFloat)}, {expected[0].to(at::kFloat)}, dtype() == at::kFloat ? kOfSums : 1e-2);
  expect_close({actual[1]}, {expected[1]}, dtype() == at::kFloat ? kOfSums : 1e-3);
}

TEST_P(Cuda, AWidthThatTheNormKernelDoesNotTakeIsComputedAllTheSame) {
  const Tensors inputs = {random_tensor({2, 1025}, 8), random_tensor({1025}, 9)};
  expect_kernel([&](const Tensors& x) { return Tensors{rms_norm(x[0], x[1], kEps, dtype())}; },
                [](const Tensors& x) { return Tensors{reference::rms_norm(x[0], x[1], kEps, at::kFloat)}; }, inputs,
                {true, true});
}

at::Tensor targets_for(int64_t rows, int64_t vocabulary) {
  const at::Tensor targets = at::arange(rows, at::kLong).mul(97).remainder(vocabulary);
  return targets.where(at::arange(rows, at::kLong).remainder(5) != 4, -100);
}

TEST_P(Cuda, CrossEntropyEqualsItsDefinition) {
  for (const auto& [rows, v] : Shapes{{0, 8}, {1, 1}, {1, 7}, {1, 8}, {5, 1001}, {12, 6400}}) {
    SCOPED_TRACE(testing::Message() << rows << " x " << v);
    const at::Tensor targets = targets_for(rows, v), device_targets = targets.to(device());
    const Tensors inputs = {random_tensor({rows, v}, 5, 4)};
    const auto definition = [&](const Tensors& x) { return Tensors{reference::cross_entropy(x[0], targets)}; };
    expect_kernel([&](const Tensors& x) { return Tensors{cross_entropy(x[0], device_targets)}; }, definition, inputs,
                  {false});
    // In the place of logits that an op gave.
    expect_kernel([&](const Tensors& x) { return Tensors{cross_entropy(x[0].clone(), device_targets)}; }, definition,
                  inputs, {false});
  }
}

TEST_P(Cuda, CrossEntropyWritesItsGradientOverLogitsThatAnOpGaveAndNotOverALeaf) {
  on_device([&] {
    const at::Tensor leaf = rounded(random_tensor({3, 24}, 6)).to(device()).set_requires_grad(true);
    const at::Tensor before = leaf.detach().clone(), targets = targets_for(3, 24).to(device());
    const at::Tensor given = leaf.clone();
    cross_entropy(given, targets).sum().backward();
    EXPECT_TRUE(at::equal(given, leaf.grad()));
    cross_entropy(leaf, targets).sum().backward();
    EXPECT_TRUE(at::equal(leaf.detach(), before));
    return 0;
  });
}

TEST_P(Cuda, CrossEntropyTreatsValuesThatAreNotFiniteAsItsDefinition) {
  const at::Tensor targets = at::tensor({0, 0, 20, 0, 0}, at::kLong);
  at::Tensor logits = rounded(random_tensor({5, 600}, 7));
  logits[0].narrow(0, 300, 300).fill_(-kInfinity);  // whole warps see nothing else
  logits[1][599] = kNan;
  logits[2][20] = -kInfinity;
  logits[3][17] = kInfinity;
  logits[4].fill_(-kInfinity);
  const at::Tensor loss = on_device([&] { return cross_entropy(logits.to(device()), targets.to(device())); }).cpu();
  EXPECT_NEAR(loss[0].item<float>(), reference::cross_entropy(logits, targets)[0].item<float>(), 1e-5);
  EXPECT_EQ(loss[2].item<float>(), kInfinity);
  for (const int64_t row : {1, 3, 4}) EXPECT_TRUE(std::isnan(loss[row].item<float>())) << row;
}

// Of all files of this program.
INSTANTIATE_TEST_SUITE_P(, Cuda, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

}  // namespace
}  // namespace mm
