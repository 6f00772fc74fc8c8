// The narrow product of the CUDA path against its definition, from inputs and upstream gradients that are numbers of
// the dtype: fp32 results to 3e-6 of the largest value; the gradient of x is the definition's, rounded once.
#include "device_under_test.h"
#include "ops/cuda/kernels.h"
#include "ops/experts/narrow_linear.h"

namespace mm {
namespace {

class CudaNarrowLinear : public OnDeviceUnderTest, public testing::WithParamInterface<at::ScalarType> {
 protected:
  /// Of a flat tensor 3 rows that begin where no 16-byte load can.
  static at::Tensor rows_of(const at::Tensor& x) { return x.dim() == 2 ? x : x.narrow(0, 1, 48).view({3, 16}); }

  static Op both_outputs(NarrowProduct (*product)(const at::Tensor&, const at::Tensor&)) {
    return [=](const Tensors& x) {
      const NarrowProduct made = product(rows_of(x[0]), x[1]);
      return Tensors{made.y_no, made.x_ni};
    };
  }

  /// `roundings`: how often the gradient of x is rounded, of numbers as large as the largest of it.
  void expect_definition(const at::Tensor& x, const at::Tensor& weight, int roundings = 1) const {
    const at::ScalarType type = GetParam();
    const at::Tensor narrow = x.to(type);
    const Tensors here = {narrow.to(device()), weight.to(device())};
    const Tensors actual =
        on_device_repeatedly([&] { return forward_and_backward(both_outputs(narrow_linear), here, type); });
    const Tensors expected =
        forward_and_backward(both_outputs(reference::narrow_linear), {narrow.to(at::kFloat), weight}, type);
    expect_close({actual[0], actual[3]}, {expected[0], expected[3]}, 3e-6);
    EXPECT_TRUE(at::equal(actual[1].cpu(), rows_of(narrow))) << "x as it is";
    const double unit = type == at::kFloat ? 0 : type == at::kHalf ? 0x1p-11 : 0x1p-8;
    const at::Tensor e = expected[2].to(at::kDouble), a = actual[2].cpu().to(at::kDouble);
    const at::Tensor size = roundings == 1 ? e.abs() : e.abs().amax().expand_as(e);
    const at::Tensor excess = (a - e).abs() - (size * (1.01 * unit * roundings) + 3e-6 * e.abs().amax());
    EXPECT_LE(excess.nan_to_num(kInfinity).max().item<double>(), 0) << "gradient of x";
  }
};

TEST_P(CudaNarrowLinear, EqualsItsDefinition) {
  struct Case {
    int64_t rows, in, out;
  };
  // The last rows of a warp and none; packs and single values; several rounds of columns and outputs; more rows than
  // partial sums.
  for (const Case& c : {Case{1, 1, 1}, Case{5, 7, 3}, Case{33, 264, 4}, Case{4, 768, 8}, Case{2, 24, 9},
                        Case{70, 16, 32}, Case{601, 8, 5}}) {
    SCOPED_TRACE(testing::Message() << c.rows << " x " << c.in << " to " << c.out);
    expect_definition(random_tensor({c.rows, c.in}, 1), random_tensor({c.out, c.in}, 2));
  }
}

TEST_P(CudaNarrowLinear, TakesRowsThatBeginAnywhere) {
  expect_definition(random_tensor({49}, 3), random_tensor({4, 16}, 4));
}

TEST_P(CudaNarrowLinear, OfMoreOutputsThanTheKernelTakesIsComputedAllTheSame) {
  expect_definition(random_tensor({3, 8}, 1), random_tensor({cuda::kMostNarrowOutputs + 1, 8}, 2), /*roundings=*/3);
}

TEST_P(CudaNarrowLinear, OfNothingIsNothing) {
  const Tensors results = on_device([&] {
    return forward_and_backward(both_outputs(narrow_linear), {random_tensor({0, 16}, 5).to(GetParam()).to(device()),
                                                              random_tensor({4, 16}, 6).to(device())});
  });
  EXPECT_EQ(results[0].sizes(), at::IntArrayRef({0, 4}));
  EXPECT_EQ(results[3].abs().max().item<float>(), 0);
}

INSTANTIATE_TEST_SUITE_P(, CudaNarrowLinear, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

}  // namespace
}  // namespace mm
