// What tests of ops on the CUDA path share: each op against its definition in fp32 on the CPU, from inputs and upstream
// gradients that are numbers of the dtype.
// Tolerances. fp32: kOfSums of the largest value, for other orders of summation. 16 bit: what a kernel computes in fp32
// and stores is off by one rounding of itself (2^-8 in bf16, 2^-11 in fp16), value by value; ops that ATen computes,
// and products, keep to a multiple of that of the largest value.
#pragma once

#include "device_under_test.h"

namespace mm {

using Shapes = std::vector<std::pair<int64_t, int64_t>>;

/// Each value of the narrow tensors is what is expected, rounded.
inline void expect_rounded(const Tensors& actual, const Tensors& expected) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < expected.size(); ++i) {
    ASSERT_EQ(actual[i].sizes(), expected[i].sizes()) << "tensor " << i;
    if (expected[i].numel() == 0) continue;
    const at::ScalarType type = actual[i].scalar_type();
    const double unit = type == at::kFloat ? 0 : type == at::kHalf ? 0x1p-11 : 0x1p-8;
    const double smallest = type == at::kHalf ? 0x1p-25 : 0;  // below 2^-14 digits are lost
    const at::Tensor a = actual[i].detach().cpu().to(at::kDouble), e = expected[i].detach().to(at::kDouble);
    const at::Tensor allowed = e.abs() * (1.01 * unit) + (kOfSums * e.abs().max().item<double>() + smallest);
    const at::Tensor excess = ((a - e).abs() - allowed).nan_to_num(kInfinity);
    EXPECT_LE(excess.max().item<double>(), 0) << "tensor " << i << " in " << type;
  }
}

class Cuda : public OnDeviceUnderTest, public testing::WithParamInterface<at::ScalarType> {
 protected:
  at::ScalarType dtype() const { return GetParam(); }
  at::Tensor rounded(const at::Tensor& x) const { return x.to(dtype()); }

  struct Sides {
    Tensors device, host;
  };
  /// `inputs` rounded to the dtype, but not those in `keep_fp32` (weights of norms and of routing).
  Sides sides(const Tensors& inputs, const std::vector<bool>& keep_fp32) const {
    Sides both;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor x = keep_fp32[i] ? inputs[i] : rounded(inputs[i]);
      both.device.push_back(x.to(device()));
      both.host.push_back(x.to(at::kFloat));
    }
    return both;
  }

  /// For our own kernels.
  void expect_kernel(const Op& op, const Op& definition, const Tensors& inputs,
                     const std::vector<bool>& keep_fp32) const {
    const Sides both = sides(inputs, keep_fp32);
    const Tensors actual = on_device_repeatedly([&] { return forward_and_backward(op, both.device, dtype()); });
    expect_rounded(actual, forward_and_backward(definition, both.host, dtype()));
  }

  /// For ops that ATen or a matrix product computes.
  void expect_op(const Op& op, const Op& definition, const Tensors& inputs, const std::vector<bool>& keep_fp32) const {
    const Sides both = sides(inputs, keep_fp32);
    Tensors actual = on_device([&] { return forward_and_backward(op, both.device, dtype()); });
    for (at::Tensor& tensor : actual) tensor = tensor.to(at::kFloat);
    const double tolerance = dtype() == at::kFloat ? 1e-5 : dtype() == at::kHalf ? 4e-3 : 3e-2;
    expect_close(actual, forward_and_backward(definition, both.host, dtype()), tolerance);
  }
};

/// The last `rows` x `width` values of x, which begin where no 16-byte load can.
inline at::Tensor unaligned(const at::Tensor& x, int64_t rows, int64_t width) {
  return x.narrow(0, 1, rows * width).view({rows, width});
}

}  // namespace mm
