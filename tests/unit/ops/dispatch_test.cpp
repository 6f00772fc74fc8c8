// Dispatch and combine on the CPU against their definitions.
#include "ops/experts/dispatch.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "compare.h"

namespace mm {
namespace {

constexpr double kTolerance = 2e-6;  // of the largest value: dot products of one row in another order

/// `slots` different experts for each token, expert 2 of 5 never chosen.
at::Tensor some_experts(int64_t tokens, int64_t slots) {
  const at::Tensor choices = at::tensor({0, 1, 3, 4}, at::kLong);
  const at::Tensor first = at::arange(tokens, at::kLong).mul(11).remainder(7).remainder(4).unsqueeze(1);
  return choices.index_select(0, (first + at::arange(slots, at::kLong)).remainder(4).flatten()).view({tokens, slots});
}

TEST(PlanDispatch, SortsRowsByExpertAndThenByToken) {
  const DispatchPlan plan = plan_dispatch(at::tensor({2, 0, 0, 2, 2, 1}, at::kLong).view({3, 2}), 4);
  EXPECT_TRUE(at::equal(plan.slot_of_row_r, at::tensor({1, 2, 5, 0, 3, 4}, at::kLong)));
  EXPECT_TRUE(at::equal(plan.token_of_row_r, at::tensor({0, 1, 2, 0, 1, 2}, at::kLong)));
  EXPECT_TRUE(at::equal(plan.row_of_slot_ns, at::tensor({3, 0, 1, 4, 5, 2}, at::kLong).view({3, 2})));
  EXPECT_TRUE(at::equal(plan.ends_e, at::tensor({2, 3, 6, 6}, at::kInt)));
}

TEST(Dispatch, EqualsItsDefinitionForTopOneAndTopTwo) {
  for (int64_t slots : {1, 2}) {
    for (const auto& [tokens, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 13}, {301, 67}}) {
      SCOPED_TRACE(testing::Message() << tokens << " x " << width << ", top-" << slots);
      const DispatchPlan plan = plan_dispatch(some_experts(tokens, slots), 5);
      expect_same_op([&](const Tensors& x) { return Tensors{dispatch(x[0], plan)}; },
                     [&](const Tensors& x) { return Tensors{reference::dispatch(x[0], plan)}; },
                     {random_tensor({tokens, width}, 1)}, kTolerance);
    }
  }
}

TEST(Combine, EqualsItsDefinitionForTopOneAndTopTwo) {
  for (int64_t slots : {1, 2}) {
    for (const auto& [tokens, width] : std::vector<std::pair<int64_t, int64_t>>{{1, 1}, {7, 13}, {301, 67}}) {
      SCOPED_TRACE(testing::Message() << tokens << " x " << width << ", top-" << slots);
      const DispatchPlan plan = plan_dispatch(some_experts(tokens, slots), 5);
      expect_same_op([&](const Tensors& x) { return Tensors{combine(x[0], x[1], plan)}; },
                     [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], plan)}; },
                     {random_tensor({tokens * slots, width}, 1), random_tensor({tokens, slots}, 2)}, kTolerance);
      expect_same_op([&](const Tensors& x) { return Tensors{combine(x[0], x[1], plan, x[2])}; },
                     [&](const Tensors& x) { return Tensors{reference::combine(x[0], x[1], plan, x[2])}; },
                     {random_tensor({tokens * slots, width}, 1), random_tensor({tokens, slots}, 2),
                      random_tensor({tokens, width}, 3)},
                     kTolerance);
    }
  }
}

TEST(Combine, AfterDispatchWithWeightsThatSumToOneGivesTheTokensBack) {
  const DispatchPlan plan = plan_dispatch(some_experts(50, 2), 5);
  const at::Tensor x = random_tensor({50, 9}, 3);
  expect_close({combine(dispatch(x, plan), at::full({50, 2}, 0.5), plan)}, {x}, 1e-7);
}

TEST(Combine, AddsWhatDoesNotGoByExpertsAsASumBehindItWould) {
  const DispatchPlan plan = plan_dispatch(some_experts(50, 2), 5);
  const at::Tensor y = random_tensor({100, 9}, 3), weights = random_tensor({50, 2}, 4),
                   addend = random_tensor({50, 9}, 5);
  EXPECT_TRUE(at::equal(combine(y, weights, plan, addend), combine(y, weights, plan) + addend));
}

TEST(Combine, LetsANanThroughToItsTokenAloneEvenAtWeightZero) {
  const DispatchPlan plan = plan_dispatch(some_experts(6, 2), 5);
  at::Tensor y = random_tensor({12, 8}, 4);
  y[5].fill_(kNan);
  const at::Tensor out = combine(y, at::zeros({6, 2}), plan);
  EXPECT_EQ(count_nan(out), 8);
  EXPECT_EQ(count_nan(out[plan.token_of_row_r[5].item<int64_t>()]), 8);
}

TEST(Combine, InSixteenBitsEqualsItsDefinition) {
  const DispatchPlan plan = plan_dispatch(some_experts(31, 2), 5);
  const Tensors inputs = {random_tensor({62, 24}, 5).to(at::kBFloat16), random_tensor({31, 2}, 6),
                          random_tensor({31, 24}, 7).to(at::kBFloat16)};
  const auto results_of = [&](auto& op) {
    return forward_and_backward([&](const Tensors& x) { return Tensors{op(x[0], x[1], plan, x[2])}; }, inputs);
  };
  expect_close(results_of(combine), results_of(reference::combine), 1e-6);
}

}  // namespace
}  // namespace mm
