// What sends rows to experts and multiplies them, on the CUDA path.
#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "cuda_op_test.h"
#include "ops/cuda/launch.h"
#include "ops/experts/dispatch.h"
#include "ops/experts/grouped_linear.h"
#include "ops/linear.h"
#ifndef MM_CUDA
#include "tests/support/sixteen_bit_product.h"
#endif

namespace mm {
namespace {

TEST_P(Cuda, DispatchAndCombineEqualTheirDefinitions) {
  struct Case {
    at::Tensor experts_ns;
    int64_t width;
  };
  const at::Tensor order = random_tensor({65, 5}, 12).argsort(int64_t{-1});
  const std::vector<Case> cases = {{order.narrow(1, 0, 1).contiguous(), 72},
                                   {order.narrow(1, 0, 2).contiguous(), 72},
                                   {order.narrow(1, 1, 3).contiguous(), 7},
                                   {at::full({9, 1}, 3, at::kLong), 8},  // all on one expert, the others idle
                                   {at::full({1, 1}, 4, at::kLong), 320},
                                   {at::zeros({0, 2}, at::kLong), 8}};
  for (const Case& c : cases) {
    const int64_t tokens = c.experts_ns.size(0), slots = c.experts_ns.size(1);
    SCOPED_TRACE(testing::Message() << tokens << " tokens of " << c.width << ", top-" << slots);
    const DispatchPlan host = plan_dispatch(c.experts_ns, 5), plan = plan_dispatch(c.experts_ns.to(device()), 5);
    EXPECT_TRUE(at::equal(plan.slot_of_row_r.cpu(), host.slot_of_row_r));
    EXPECT_TRUE(at::equal(plan.ends_e.cpu(), host.ends_e));
    expect_kernel([&](const Tensors& x) { return Tensors{dispatch(x[0], plan)}; },
                  [&](const Tensors& x) { return Tensors{reference::dispatch(x[0], host)}; },
                  {random_tensor({tokens, c.width}, 13)}, {false});
    expect_kernel([&](const Tensors& x) { return Tensors{combine(x[0], x[1], plan)}; },
                  [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], host)}; },
                  {random_tensor({tokens * slots, c.width}, 14), random_tensor({tokens, slots}, 15)}, {false, true});
    expect_kernel([&](const Tensors& x) { return Tensors{combine(x[0], x[1], plan, x[2])}; },
                  [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], host, x[2])}; },
                  {random_tensor({tokens * slots, c.width}, 14), random_tensor({tokens, slots}, 15),
                   random_tensor({tokens, c.width}, 16)},
                  {false, true, false});
  }
}

TEST_F(OnDeviceUnderTest, SlotsAreSortedByExpertAsOnTheCpu) {
  struct Case {
    int64_t tokens, slots, experts;
  };
  // A block sorts 1,024 slots, and has a thread for each of up to 256 experts.
  const std::vector<Case> cases = {{0, 2, 8},    {1, 1, 1},     {7, 1, 5},     {512, 2, 8},     {1025, 1, 4},
                                   {700, 3, 64}, {300, 8, 256}, {300, 8, 300}, {2500, 1, 1024}, {9, 2, 1025}};
  for (const Case& c : cases) {
    SCOPED_TRACE(testing::Message() << c.tokens << " tokens, top-" << c.slots << " of " << c.experts);
    const at::Tensor chosen_ns =
        at::arange(c.tokens * c.slots, at::kLong).mul(7919).remainder(c.experts).view({c.tokens, c.slots});
    for (const at::Tensor& experts_ns : {chosen_ns, at::full_like(chosen_ns, c.experts - 1)}) {
      const DispatchPlan host = plan_dispatch(experts_ns, c.experts);
      const Tensors plan = on_device_repeatedly([&] {
        const DispatchPlan made = plan_dispatch(experts_ns.to(device()), c.experts);
        return Tensors{made.token_of_row_r, made.slot_of_row_r, made.row_of_slot_ns, made.ends_e};
      });
      EXPECT_TRUE(at::equal(plan[0].cpu(), host.token_of_row_r));
      EXPECT_TRUE(at::equal(plan[1].cpu(), host.slot_of_row_r));
      EXPECT_TRUE(at::equal(plan[2].cpu(), host.row_of_slot_ns));
      EXPECT_TRUE(at::equal(plan[3].cpu(), host.ends_e));
    }
  }
}

TEST_P(Cuda, DispatchOfOneSlotCopiesTheBytes) {
  const at::Tensor x = rounded(random_tensor({9, 24}, 16)).to(device());
  const DispatchPlan plan = plan_dispatch(at::arange(9, at::kLong).mul(5).remainder(4).unsqueeze(1).to(device()), 4);
  EXPECT_TRUE(at::equal(on_device([&] { return dispatch(x, plan); }), reference::dispatch(x, plan)));
}

TEST_P(Cuda, LinearEqualsAten) {
  expect_op([](const Tensors& x) { return Tensors{mm::linear(x[0], x[1])}; },
            [](const Tensors& x) { return Tensors{at::linear(x[0], x[1])}; },
            {random_tensor({70, 96}, 16), random_tensor({40, 96}, 17)}, {false, false});
}

TEST_P(Cuda, GroupedLinearEqualsItsDefinitionAndIdleExpertsGetExactlyZero) {
  const at::Tensor ends = at::tensor({3, 3, 80, 80}, at::kInt), ends_on_device = ends.to(device());
  const Tensors inputs = {random_tensor({80, 64}, 18), random_tensor({4, 48, 64}, 19)};
  const auto op = [&](const Tensors& x) { return Tensors{grouped_linear(x[0], x[1], ends_on_device)}; };
  expect_op(op, [&](const Tensors& x) { return Tensors{reference::grouped_linear(x[0], x[1], ends)}; }, inputs,
            {false, false});
  const Tensors results = on_device([&] {
    return forward_and_backward(op, {rounded(inputs[0]).to(device()), rounded(inputs[1]).to(device())});
  });
  EXPECT_EQ(results[2][1].abs().max().item<float>(), 0.0f);
  EXPECT_EQ(results[2][3].abs().max().item<float>(), 0.0f);
}

/// A weight whose gradients are added to what an fp32 buffer holds.
at::Tensor weight_with(const at::Tensor& weight, const at::Tensor& gradient) {
  at::Tensor leaf = weight.detach().set_requires_grad(true);
  leaf.set_grad_dtype(at::kFloat);
  leaf.mutable_grad() = gradient;
  return leaf;
}

TEST_P(Cuda, LinearAddsTheUnroundedProductToAnFp32Gradient) {
  const at::Tensor x = rounded(random_tensor({300, 96}, 16)), weight = rounded(random_tensor({40, 96}, 17));
  const at::Tensor dy = rounded(random_tensor({300, 40}, 18)), before = random_tensor({40, 96}, 19);
  const at::Tensor gradient = on_device([&] {
    at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    mm::linear(x.to(device()), weight_with(weight.to(device()), sum)).backward(dy.to(device()));
    return sum;
  });
  const at::Tensor expected = before.to(at::kDouble) + dy.to(at::kDouble).t().mm(x.to(at::kDouble));
  expect_close({gradient.cpu()}, {expected.to(at::kFloat)}, kOfSums);
}

TEST_P(Cuda, GroupedLinearAddsToAnFp32GradientAndLeavesThatOfIdleExperts) {
  const at::Tensor ends = at::tensor({3, 3, 80, 80}, at::kInt);
  const at::Tensor x = rounded(random_tensor({80, 64}, 18)), weight = rounded(random_tensor({4, 48, 64}, 19));
  const at::Tensor dy = rounded(random_tensor({80, 48}, 20)), before = random_tensor({4, 48, 64}, 21);
  const Tensors actual = on_device_repeatedly([&] {
    at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
    const at::Tensor rows = x.to(device()).detach().set_requires_grad(true);
    grouped_linear(rows, weight_with(weight.to(device()), sum), ends.to(device())).backward(dy.to(device()));
    return Tensors{sum, rows.grad()};
  });
  at::Tensor expected = before.clone(), rows = x.to(at::kFloat).detach().set_requires_grad(true);
  at::Tensor leaf = weight_with(weight.to(at::kFloat), expected);
  reference::grouped_linear(rows, leaf, ends).backward(dy.to(at::kFloat));
  // A product of all experts at once is rounded before it is added.
  const double tolerance = dtype() == at::kBFloat16 ? 0x1p-8 : 3e-6;
  expect_close({actual[0].cpu()}, {leaf.grad()}, tolerance);
  expect_rounded({actual[1]}, {rows.grad()});
  for (const int64_t idle : {1, 3}) EXPECT_TRUE(at::equal(actual[0][idle].cpu(), before[idle])) << idle;
}

TEST_P(Cuda, GradientsOfExpertsAreAddedWhereThereAreRowsAndNotReadElsewhere) {
  const at::Tensor ends = at::tensor({0, 5, 5, 9}, at::kInt);
  for (const auto& [size, first] : Shapes{{1, 0}, {7, 0}, {8, 0}, {4104, 0}, {16, 1}}) {
    SCOPED_TRACE(testing::Message() << size << " from " << first);
    at::Tensor term = rounded(random_tensor({4 * size + 1}, 22));
    const at::Tensor before = random_tensor({4 * size + 1}, 23);
    const auto experts = [n = size, begin = first](const at::Tensor& flat) {
      return flat.narrow(0, begin, 4 * n).view({4, n});
    };
    for (const int64_t idle : {0, 2}) experts(term)[idle].fill_(kNan);
    at::Tensor expected = before.clone();
    for (const int64_t busy : {1, 3}) experts(expected)[busy] += experts(term)[busy];
    const Tensors actual = on_device_repeatedly([&, n = size] {
      const at::Tensor sum = before.to(device(), before.scalar_type(), /*non_blocking=*/false, /*copy=*/true);
      const at::Tensor term_here = term.to(device()), ends_here = ends.to(device());
      cuda::add_experts(cuda::element_type(term), cuda::read(experts(term_here)), cuda::read<int32_t>(ends_here), 4, n,
                        cuda::read_and_write<float>(experts(sum)), cuda::OnDevice(sum));
      return Tensors{sum};
    });
    EXPECT_TRUE(at::equal(actual[0].cpu(), expected));
  }
}

}  // namespace
}  // namespace mm
