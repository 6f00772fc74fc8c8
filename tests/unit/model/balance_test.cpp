// Balancing losses on cases that can be worked out by hand.
#include "model/moe/balance/balance.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include <cmath>

#include "small_model.h"

namespace mm {
namespace {

constexpr int64_t kExperts = 4;

/// A micro-batch whose routing is given; loads are counted from it.
struct Case {
  Case(const at::Tensor& probabilities_bte, const at::Tensor& experts_bts, at::Tensor counted = {}) {
    const int64_t batch = experts_bts.size(0), time = experts_bts.size(1), slots = experts_bts.size(2);
    counted_bt = counted.defined() ? counted : at::ones({batch, time});
    routing.probabilities_ne = probabilities_bte.reshape({batch * time, kExperts});
    routing.logits_ne = routing.probabilities_ne.log();
    routing.experts_ns = experts_bts.reshape({batch * time, slots});
    load_be = (at::one_hot(experts_bts, kExperts) * counted_bt.view({batch, time, 1, 1})).sum(at::IntArrayRef{1, 2});
  }
  BalanceInput input() const { return {routing, counted_bt, load_be, step_load_e}; }

  Routing routing;
  at::Tensor counted_bt, load_be;
  at::Tensor step_load_e = at::full({kExperts}, 1.0 / kExperts);
};

/// Two sequences of four tokens whose top-k go round all experts, with equal probabilities.
Case perfect_balance(int64_t slots) {
  const at::Tensor start = at::arange(4, at::kLong).view({1, 4, 1}), slot = at::arange(slots, at::kLong);
  return {at::full({2, 4, kExperts}, 0.25), (start + slot).remainder(kExperts).expand({2, 4, slots}).contiguous()};
}

/// Every token goes to one expert with certainty; sequence b to expert `favourite[b]`.
Case collapse(const std::vector<int64_t>& favourite) {
  const int64_t batch = static_cast<int64_t>(favourite.size());
  const at::Tensor experts = at::tensor(favourite, at::kLong).view({batch, 1, 1}).expand({batch, 5, 1}).contiguous();
  return {at::one_hot(experts.squeeze(-1), kExperts).to(at::kFloat), experts};
}

Case random_case() {
  const at::Tensor probabilities = random_tensor({3, 7, kExperts}, 1).softmax(-1);
  return {probabilities, std::get<1>(probabilities.topk(2))};
}

TEST(BalanceLoss, IsOneAtPerfectBalanceForAnyTopK) {
  for (int64_t slots : {1, 2, 3}) {
    const Case c = perfect_balance(slots);
    EXPECT_NEAR(token_balance_loss(c.input()).item<double>(), 1, 1e-6) << slots;
    EXPECT_NEAR(sequence_balance_loss(c.input()).item<double>(), 1, 1e-6) << slots;
  }
}

TEST(BalanceLoss, IsTheNumberOfExpertsWhenAllTokensGoToOne) {
  const Case c = collapse({2, 2});
  EXPECT_NEAR(token_balance_loss(c.input()).item<double>(), kExperts, 1e-6);
  EXPECT_NEAR(sequence_balance_loss(c.input()).item<double>(), kExperts, 1e-6);
}

TEST(BalanceLoss, OfSequencesSeesACollapseThatTheMicroBatchHides) {
  const Case c = collapse({0, 1, 2, 3});
  EXPECT_NEAR(token_balance_loss(c.input()).item<double>(), 1, 1e-6);
  EXPECT_NEAR(sequence_balance_loss(c.input()).item<double>(), kExperts, 1e-6);
}

TEST(BalanceLoss, SummedOverSlotsEqualsTheFormulaOfMinimind3) {
  const Case c = random_case();
  // E * sum over k and e of (share of tokens whose slot k chose e) * (mean probability of e)
  const at::Tensor share_se = at::one_hot(c.routing.experts_ns, kExperts).to(at::kFloat).mean(0);
  const double formula = kExperts * (share_se * c.routing.probabilities_ne.mean(0)).sum().item<double>();
  MoeConfig config;
  config.aux_loss = "token_sum";
  config.router_aux_loss_coef = 0.5;
  EXPECT_NEAR(scaled_balance_loss(c.input(), config).item<double>(), 0.5 * formula, 1e-6);
}

TEST(BalanceLoss, OfAStepTakesTheLoadOfTheStepBeforeNotThatOfTheMicroBatch) {
  Case c = collapse({0, 1});  // mean probabilities 1/2, 1/2, 0, 0
  EXPECT_NEAR(step_balance_loss(c.input()).item<double>(), 1, 1e-6) << "even before";
  c.step_load_e = at::tensor({0.5f, 0.25f, 0.125f, 0.125f});
  EXPECT_NEAR(step_balance_loss(c.input()).item<double>(), 4 * (0.5 * 0.5 + 0.5 * 0.25), 1e-6);
}

TEST(BalanceLoss, OfAStepIsTheMeanOverItsMicroBatchesHoweverItIsCut) {
  Case whole = random_case();
  whole.step_load_e = at::tensor({0.4f, 0.3f, 0.2f, 0.1f});
  double sum = 0;
  for (int64_t b = 0; b < 3; ++b) {
    Case part(whole.routing.probabilities_ne.view({3, 7, kExperts}).narrow(0, b, 1),
              whole.routing.experts_ns.view({3, 7, 2}).narrow(0, b, 1));
    part.step_load_e = whole.step_load_e;
    sum += step_balance_loss(part.input()).item<double>();
  }
  EXPECT_NEAR(sum / 3, step_balance_loss(whole.input()).item<double>(), 1e-6);
}

TEST(BalanceLoss, IsChosenAndScaledByTheConfig) {
  const Case c = collapse({0, 1});  // token: 2, sequence: 4
  MoeConfig config;
  config.router_aux_loss_coef = 0.1;
  config.num_experts_per_tok = 1;
  for (const auto& [name, expected] :
       std::map<std::string, double>{{"token", 0.2}, {"sequence", 0.4}, {"token_sum", 0.2}, {"step", 0.1}}) {
    config.aux_loss = name;
    EXPECT_NEAR(scaled_balance_loss(c.input(), config).item<double>(), expected, 1e-6) << name;
  }
  config.aux_loss = "none";
  EXPECT_FALSE(scaled_balance_loss(c.input(), config).defined());
  config.aux_loss = "token";
  config.router_aux_loss_coef = 0;
  EXPECT_FALSE(scaled_balance_loss(c.input(), config).defined());
}

TEST(BalanceLoss, PushesDownTheProbabilityOfTheBusyExpertMost) {
  at::Tensor probabilities = random_tensor({2, 6, kExperts}, 2).softmax(-1).set_requires_grad(true);
  const at::Tensor experts = at::tensor({0, 0, 0, 0, 1, 2}, at::kLong).view({1, 6, 1}).expand({2, 6, 1}).contiguous();
  const Case c(probabilities, experts);
  for (const auto& loss : {token_balance_loss(c.input()), sequence_balance_loss(c.input())}) {
    probabilities.mutable_grad() = at::Tensor();
    loss.backward({}, /*retain_graph=*/true);
    EXPECT_EQ(probabilities.grad().sum(at::IntArrayRef{0, 1}).argmax().item<int64_t>(), 0);
    EXPECT_EQ(probabilities.grad().select(2, 3).abs().max().item<float>(), 0.0f);  // nobody chose expert 3
  }
}

TEST(ZLoss, IsTheMeanSquareOfTheLogSumExp) {
  Case c = perfect_balance(1);
  c.routing.logits_ne = at::zeros({8, kExperts});
  EXPECT_NEAR(router_z_loss(c.input()).item<double>(), std::log(4.0) * std::log(4.0), 1e-6);
  c.routing.logits_ne = at::full({8, kExperts}, 3.0);
  const double shifted = 3 + std::log(4.0);
  EXPECT_NEAR(router_z_loss(c.input()).item<double>(), shifted * shifted, 1e-5);
  MoeConfig config;
  EXPECT_FALSE(scaled_z_loss(c.input(), config).defined());
  config.router_z_loss_coef = 0.01;
  EXPECT_NEAR(scaled_z_loss(c.input(), config).item<double>(), 0.01 * shifted * shifted, 1e-6);
}

TEST(BalanceLoss, LeavesPaddingOut) {
  const Case whole = random_case();
  // The same tokens, each sequence followed by three of padding that all go to expert 1.
  const at::Tensor pad_probabilities =
      at::one_hot(at::ones({3, 3}, at::kLong), kExperts).to(at::kFloat).clamp_min(1e-6);
  const Case padded(at::cat({whole.routing.probabilities_ne.view({3, 7, kExperts}), pad_probabilities}, 1),
                    at::cat({whole.routing.experts_ns.view({3, 7, 2}), at::ones({3, 3, 2}, at::kLong)}, 1),
                    at::cat({at::ones({3, 7}), at::zeros({3, 3})}, 1));
  for (const auto& loss : {token_balance_loss, sequence_balance_loss, step_balance_loss, router_z_loss}) {
    EXPECT_NEAR(loss(padded.input()).item<double>(), loss(whole.input()).item<double>(), 1e-6);
  }
}

TEST(BalanceLoss, OfNothingButPaddingIsZero) {
  const Case c(at::full({2, 3, kExperts}, 0.25), at::zeros({2, 3, 1}, at::kLong), at::zeros({2, 3}));
  for (const auto& loss : {token_balance_loss, sequence_balance_loss, step_balance_loss, router_z_loss}) {
    EXPECT_EQ(loss(c.input()).item<double>(), 0);
  }
}

}  // namespace
}  // namespace mm
