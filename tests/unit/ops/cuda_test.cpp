// Every op on CUDA against its definition in fp32 on the CPU. Skipped where no GPU answers.
// Tolerances are of the largest value. fp32: other orders of summation. 16 bit: each stored value is rounded once
// (2^-9 of it in bf16, 2^-12 in fp16), and backward passes start from rounded values, so a few of those.
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include "compare.h"
#include "ops/attention.h"

#include "ops/cross_entropy.h"
#include "ops/dispatch.h"
#include "ops/flat_norm.h"
#include "ops/grouped_linear.h"
#include "ops/linear.h"
#include "ops/rms_norm.h"
#include "ops/rotary.h"
#include "ops/swiglu.h"

namespace mm {
namespace {

class Cuda : public testing::TestWithParam<at::ScalarType> {
 protected:
  void SetUp() override {
    if (!at::hasCUDA()) GTEST_SKIP() << "no CUDA device";
    allow_tf32_ = at::globalContext().allowTF32CuBLAS();
    at::globalContext().setAllowTF32CuBLAS(false);
  }
  void TearDown() override {
    if (at::hasCUDA()) at::globalContext().setAllowTF32CuBLAS(allow_tf32_);
  }

  at::ScalarType dtype() const { return GetParam(); }
  double tolerance() const { return dtype() == at::kFloat ? 1e-5 : dtype() == at::kHalf ? 4e-3 : 3e-2; }
  at::Tensor rounded(const at::Tensor& x) const { return x.to(dtype()); }

  /// `op` on the device against `definition` in fp32 on the CPU, both from `inputs` rounded to the dtype.
  /// Inputs in `keep_fp32` (norm weights, routing weights) are not rounded.
  void expect_same(const Op& op, const Op& definition, const Tensors& inputs, const std::vector<bool>& keep_fp32) {
    Tensors on_device, on_host;
    for (size_t i = 0; i < inputs.size(); ++i) {
      const at::Tensor x = keep_fp32[i] ? inputs[i] : rounded(inputs[i]);
      on_device.push_back(x.to(at::kCUDA));
      on_host.push_back(x.to(at::kFloat));
    }
    Tensors actual = forward_and_backward(op, on_device);
    for (at::Tensor& tensor : actual) tensor = tensor.to(at::kFloat);
    expect_close(actual, forward_and_backward(definition, on_host), tolerance());
  }

 private:
  bool allow_tf32_ = false;
};

TEST_P(Cuda, SwigluEqualsItsDefinition) {
  for (const auto& [rows, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {3, 7}, {129, 2432}}) {
    expect_same([](const Tensors& x) { return Tensors{swiglu(x[0])}; },
                [](const Tensors& x) { return Tensors{reference::swiglu(x[0])}; },
                {random_tensor({rows, 2 * width}, 1, 3)}, {false});
  }
  EXPECT_EQ(swiglu(at::empty({0, 24}, at::TensorOptions(at::kCUDA).dtype(dtype()))).numel(), 0);
  at::Tensor x = rounded(random_tensor({2, 40}, 2)).to(at::kCUDA);
  x[1][3] = kNan;
  EXPECT_EQ(count_nan(swiglu(x)), 1);
}

TEST_P(Cuda, RmsNormEqualsItsDefinition) {
  for (NormRounding rounding : {NormRounding::kBeforeWeight, NormRounding::kAfterWeight}) {
    expect_same([&](const Tensors& x) { return Tensors{rms_norm(x[0], x[1], 1e-5, dtype(), rounding)}; },
                [](const Tensors& x) { return Tensors{reference::rms_norm(x[0], x[1], 1e-5, at::kFloat)}; },
                {random_tensor({67, 768}, 3), random_tensor({768}, 4)}, {true, true});
  }
}

TEST_P(Cuda, CrossEntropyEqualsItsDefinition) {
  const at::Tensor targets = at::arange(65, at::kLong).mul(97).remainder(6400).index_fill(0, at::tensor({4}), -100);
  expect_same([&](const Tensors& x) { return Tensors{cross_entropy(x[0], targets.to(at::kCUDA))}; },
              [&](const Tensors& x) { return Tensors{reference::cross_entropy(x[0], targets)}; },
              {random_tensor({65, 6400}, 5, 4)}, {false});
}

TEST_P(Cuda, RotaryHeadsEqualTheirDefinition) {
  for (RopeLayout layout : {RopeLayout::kInterleaved, RopeLayout::kHalfSplit}) {
    const HeadOptions options{8, 4, 96, 1e-6, layout};
    const auto on = [&](const auto& op, at::Device device) {
      const RopeTable table = make_rope_table(40, 96, 1e6, device);
      return [=](const Tensors& x) {
        const Heads heads = op(x[0], x[1], x[2], table, options);
        return Tensors{heads.q_bthc, heads.k_btkc, heads.v_btkc};
      };
    };
    expect_same(on(rotary_heads, at::kCUDA), on(reference::rotary_heads, at::kCPU),
                {random_tensor({2, 33, 16 * 96}, 6), random_tensor({96}, 7), random_tensor({96}, 8)},
                {false, true, true});
  }
}

TEST_P(Cuda, AttentionEqualsTheCpu) {
  const auto attend = [](const Tensors& x) { return Tensors{causal_attention({x[0], x[1], x[2]}, 0.0)}; };
  expect_same(attend, attend,
              {random_tensor({2, 48, 8, 64}, 9), random_tensor({2, 48, 2, 64}, 10), random_tensor({2, 48, 2, 64}, 11)},
              {false, false, false});
}

TEST_P(Cuda, DispatchAndCombineEqualTheirDefinitions) {
  for (int64_t slots : {1, 2}) {
    const at::Tensor experts = random_tensor({65, 5}, 12).argsort(int64_t{-1}).narrow(1, 0, slots).contiguous();
    const DispatchPlan host = plan_dispatch(experts, 5), device = plan_dispatch(experts.to(at::kCUDA), 5);
    EXPECT_TRUE(at::equal(device.slot_of_row_r.cpu(), host.slot_of_row_r));
    EXPECT_TRUE(at::equal(device.ends_e.cpu(), host.ends_e));
    expect_same([&](const Tensors& x) { return Tensors{dispatch(x[0], device)}; },
                [&](const Tensors& x) { return Tensors{reference::dispatch(x[0], host)}; },
                {random_tensor({65, 72}, 13)}, {false});
    expect_same([&](const Tensors& x) { return Tensors{combine(x[0], x[1], device)}; },
                [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], host)}; },
                {random_tensor({65 * slots, 72}, 14), random_tensor({65, slots}, 15)}, {false, true});
  }
}

TEST_P(Cuda, LinearEqualsAten) {
  expect_same([](const Tensors& x) { return Tensors{mm::linear(x[0], x[1])}; },
              [](const Tensors& x) { return Tensors{at::linear(x[0], x[1])}; },
              {random_tensor({70, 96}, 16), random_tensor({40, 96}, 17)}, {false, false});
}

TEST_P(Cuda, GroupedLinearEqualsItsDefinitionAndIdleExpertsGetExactlyZero) {
  const at::Tensor ends = at::tensor({3, 3, 80, 80}, at::kInt), ends_on_device = ends.to(at::kCUDA);
  const Tensors inputs = {random_tensor({80, 64}, 18), random_tensor({4, 48, 64}, 19)};
  const auto on_device = [&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends_on_device)}; };
  expect_same(on_device, [&](const Tensors& x) { return Tensors{reference::grouped_linear(x[0], x[1], ends)}; }, inputs,
              {false, false});
  const Tensors results =
      forward_and_backward(on_device, {rounded(inputs[0]).to(at::kCUDA), rounded(inputs[1]).to(at::kCUDA)});
  EXPECT_EQ(results[2][1].abs().max().item<float>(), 0.0f);
  EXPECT_EQ(results[2][3].abs().max().item<float>(), 0.0f);
}

TEST_P(Cuda, FlatNormEqualsTheCpu) {
  const at::Tensor flat = random_tensor({1024 * 1000}, 20);
  expect_close({flat_norm(flat.to(at::kCUDA)).cpu()}, {flat_norm(flat)}, 1e-6);
}

INSTANTIATE_TEST_SUITE_P(, Cuda, testing::Values(at::kFloat, at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

}  // namespace
}  // namespace mm
