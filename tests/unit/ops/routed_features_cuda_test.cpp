// A router's product and the rows of its experts on the CUDA path against their definition, from inputs and upstream
// gradients that are numbers of the dtype: fp32 results to 3e-6 of the largest value; the gradient of x, which comes
// from all of them, is the definition's, rounded once.
#include <ATen/ops/arange.h>

#include "device_under_test.h"
#include "ops/cuda/kernels.h"
#include "ops/experts/routed_features.h"

namespace mm {
namespace {

/// A choice that does not hang on the last digit of a logit.
DispatchPlan some_plan(int64_t tokens, int64_t slots, int64_t experts, at::Device device) {
  const at::Tensor experts_ns = at::arange(tokens * slots, at::kLong).mul(7919).remainder(experts);
  return plan_dispatch(experts_ns.view({tokens, slots}).to(device), experts);
}

class CudaRoutedFeatures : public OnDeviceUnderTest, public testing::WithParamInterface<at::ScalarType> {
 protected:
  using Routed = decltype(reference::routed_features)&;

  /// Of a flat tensor 3 rows that begin where no 16-byte load can.
  static at::Tensor rows_of(const at::Tensor& x) { return x.dim() == 2 ? x : x.narrow(0, 1, 48).view({3, 16}); }

  static Op all_outputs(Routed routed, int64_t slots, bool wants_x) {
    return [=, &routed](const Tensors& inputs) {
      const at::Tensor x = rows_of(inputs[0]);
      at::Tensor seen;
      const auto plan_of = [&](const at::Tensor& logits_ne) {
        seen = logits_ne;
        return some_plan(x.size(0), slots, inputs[1].size(0), x.device());
      };
      const RoutedFeatures made = routed(x, inputs[1], plan_of, wants_x);
      EXPECT_TRUE(at::equal(seen, made.logits_ne.detach())) << "the logits that the router sees";
      Tensors outputs = {made.logits_ne, made.rows_rd};
      if (wants_x) outputs.push_back(made.x_nd);
      return outputs;
    };
  }

  /// `roundings`: how often the gradient of x is rounded, of numbers as large as the largest of it.
  void expect_definition(const at::Tensor& x, const at::Tensor& weight, int64_t slots, bool wants_x,
                         int roundings = 1) const {
    SCOPED_TRACE(testing::Message() << "top-" << slots << (wants_x ? ", x besides" : ""));
    const at::ScalarType type = GetParam();
    const at::Tensor narrow = x.to(type);
    const Tensors here = {narrow.to(device()), weight.to(device())};
    const Tensors actual = on_device_repeatedly(
        [&] { return forward_and_backward(all_outputs(routed_features, slots, wants_x), here, type); });
    const Tensors expected = forward_and_backward(all_outputs(reference::routed_features, slots, wants_x),
                                                  {narrow.to(at::kFloat), weight}, type);
    const size_t outputs = wants_x ? 3 : 2;
    expect_close({actual[0], actual[outputs + 1]}, {expected[0], expected[outputs + 1]}, kOfSums);
    for (size_t i = 1; i < outputs; ++i) {
      EXPECT_TRUE(at::equal(actual[i].cpu(), expected[i].to(type))) << "x as it is, output " << i;
    }
    const double unit = type == at::kFloat ? 0 : type == at::kHalf ? 0x1p-11 : 0x1p-8;
    const at::Tensor e = expected[outputs].to(at::kDouble), a = actual[outputs].cpu().to(at::kDouble);
    const at::Tensor size = roundings == 1 ? e.abs() : e.abs().amax().expand_as(e);
    const at::Tensor excess = (a - e).abs() - (size * (1.01 * unit * roundings) + 3e-6 * e.abs().amax());
    EXPECT_LE(excess.nan_to_num(kInfinity).max().item<double>(), 0) << "gradient of x";
  }
};

TEST_P(CudaRoutedFeatures, EqualTheirDefinition) {
  struct Case {
    int64_t tokens, d, experts, slots;
  };
  // The last tokens of a warp and none; packs and single values; several rounds of columns and experts; more tokens
  // than partial sums.
  for (const Case& c : {Case{1, 1, 1, 1}, Case{5, 7, 3, 2}, Case{33, 264, 4, 1}, Case{4, 768, 8, 2}, Case{2, 24, 9, 3},
                        Case{70, 16, 32, 1}, Case{601, 8, 5, 2}}) {
    SCOPED_TRACE(testing::Message() << c.tokens << " x " << c.d << " to " << c.experts);
    for (const bool wants_x : {false, true}) {
      expect_definition(random_tensor({c.tokens, c.d}, 1), random_tensor({c.experts, c.d}, 2), c.slots, wants_x);
    }
  }
}

TEST_P(CudaRoutedFeatures, MayBeginAnywhere) {
  expect_definition(random_tensor({49}, 3), random_tensor({4, 16}, 4), 2, true);
}

TEST_P(CudaRoutedFeatures, OfMoreExpertsThanTheKernelTakesAreComputedAllTheSame) {
  expect_definition(random_tensor({3, 8}, 1), random_tensor({cuda::kMostNarrowOutputs + 1, 8}, 2), 1, true,
                    /*roundings=*/4);
}

TEST_P(CudaRoutedFeatures, OfNothingAreNothing) {
  const Tensors results = on_device([&] {
    return forward_and_backward(
        all_outputs(routed_features, 2, true),
        {random_tensor({0, 16}, 5).to(GetParam()).to(device()), random_tensor({4, 16}, 6).to(device())});
  });
  EXPECT_EQ(results[0].sizes(), at::IntArrayRef({0, 4}));
  EXPECT_EQ(results[1].sizes(), at::IntArrayRef({0, 16}));
  EXPECT_EQ(results[4].abs().max().item<float>(), 0);
}

INSTANTIATE_TEST_SUITE_P(, CudaRoutedFeatures, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

}  // namespace
}  // namespace mm
