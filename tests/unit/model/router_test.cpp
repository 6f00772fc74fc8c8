// Scores, choices and weights of the router.
#include "model/moe/router/router.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>

#include "model/moe/balance/balance.h"
#include "small_model.h"

namespace mm {
namespace {

MoeConfig moe_config(int64_t top_k) {
  MoeConfig config;
  config.num_experts = 6;
  config.num_experts_per_tok = top_k;
  return config;
}

Routing routed(const MoeConfig& config, bool training = false) {
  return route(random_tensor({40, 8}, 1), {.gate = random_tensor({6, 8}, 2)}, config, training);
}

/// One token whose logits are given.
Routing routed_by(const std::vector<double>& logits, const MoeConfig& config) {
  const at::Tensor logits_e = at::tensor(logits).to(at::kFloat);
  return route(at::ones({1, 1}), {.gate = logits_e.unsqueeze(1)}, config, false);
}

std::vector<int64_t> chosen_by(const Routing& routing) {
  const at::Tensor sorted = std::get<0>(routing.experts_ns[0].sort());
  return {sorted.const_data_ptr<int64_t>(), sorted.const_data_ptr<int64_t>() + sorted.numel()};
}

at::Tensor row_sums(const at::Tensor& x) {
  return x.sum(-1);
}
bool all_close_to(const at::Tensor& x, double value) {
  return (x - value).abs().max().item<double>() < 2e-6;
}

TEST(Router, ChoosesDifferentExpertsOfTheHighestScores) {
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = moe_config(3);
    config.scoring_func = scoring;
    const Routing routing = routed(config);
    const at::Tensor best = std::get<1>(routing.logits_ne.topk(3)), chosen = routing.experts_ns;
    EXPECT_TRUE(at::equal(std::get<0>(best.sort(-1)), std::get<0>(chosen.sort(-1)))) << scoring;
    EXPECT_TRUE(all_close_to(row_sums(routing.probabilities_ne), 1)) << scoring;
  }
}

TEST(Router, NormalisedTopKWeightsSumToOne) {
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = moe_config(2);
    config.scoring_func = scoring;
    EXPECT_TRUE(all_close_to(row_sums(routed(config).weights_ns), 1)) << scoring;
  }
}

TEST(Router, WithoutNormalisationKeepsTheScoresAsWeights) {
  MoeConfig config = moe_config(2);
  config.norm_topk_prob = false;
  const Routing softmax = routed(config);
  EXPECT_TRUE(at::equal(softmax.weights_ns, softmax.probabilities_ne.gather(1, softmax.experts_ns)));
  config.scoring_func = "sigmoid";
  const Routing sigmoid = routed(config);
  EXPECT_TRUE(at::equal(sigmoid.weights_ns, sigmoid.logits_ne.sigmoid().gather(1, sigmoid.experts_ns)));
}

TEST(Router, KeepsTheRawProbabilityOfASingleExpertUnlessToldToNormaliseIt) {
  MoeConfig config = moe_config(1);
  const Routing raw = routed(config);
  EXPECT_TRUE(at::equal(raw.weights_ns, raw.probabilities_ne.gather(1, raw.experts_ns)));
  EXPECT_LT(raw.weights_ns.min().item<double>(), 0.9);
  config.norm_top1_prob = true;
  EXPECT_TRUE(all_close_to(routed(config).weights_ns, 1));
  config.norm_topk_prob = false;  // top-1 is normalised only where normalisation is on at all
  EXPECT_LT(routed(config).weights_ns.min().item<double>(), 0.9);
}

TEST(Router, ScalesTheWeightsOfRoutedExperts) {
  MoeConfig config = moe_config(2);
  config.routed_scaling_factor = 2.5;
  EXPECT_TRUE(all_close_to(row_sums(routed(config).weights_ns), 2.5));
}

TEST(Router, ComputesInFp32WhateverItIsGiven) {
  const Routing routing =
      route(random_tensor({4, 8}, 1).to(at::kBFloat16), {.gate = random_tensor({6, 8}, 2)}, moe_config(2), true);
  EXPECT_EQ(routing.logits_ne.scalar_type(), at::kFloat);
  EXPECT_EQ(routing.weights_ns.scalar_type(), at::kFloat);
}

TEST(Router, ScoresBySqrtSoftplusAsWrittenOutAndWithFiniteSlopesEverywhere) {
  MoeConfig config = moe_config(2);
  config.scoring_func = "sqrtsoftplus";
  config.norm_topk_prob = false;
  const Routing routing = routed_by({0.0, 3.0, -1.0, 1.0, -2.0, -200.0}, config);
  EXPECT_EQ(chosen_by(routing), (std::vector<int64_t>{1, 3}));
  for (int64_t slot = 0; slot < 2; ++slot) {
    const double logit = routing.logits_ne[0][routing.experts_ns[0][slot].item<int64_t>()].item<double>();
    EXPECT_NEAR(routing.weights_ns[0][slot].item<double>(), std::sqrt(std::log1p(std::exp(logit))), 1e-6);
  }
  at::Tensor gate = at::tensor({-200.0f, 0.0f, 1.0f, 2.0f, 3.0f, 4.0f}).unsqueeze(1).set_requires_grad(true);
  config.num_experts_per_tok = 6;
  route(at::ones({1, 1}), {.gate = gate}, config, false).weights_ns.sum().backward();
  EXPECT_TRUE(at::isfinite(gate.grad()).all().item<bool>());
}

TEST(Router, WithAHiddenLayerIsTheNetworkWrittenOut) {
  const at::Tensor x = random_tensor({40, 8}, 1), hidden = random_tensor({16, 8}, 2), gate = random_tensor({6, 16}, 3);
  const Routing routing = route(x, {.hidden_hd = hidden, .gate = gate}, moe_config(2), false);
  EXPECT_TRUE(at::allclose(routing.logits_ne, at::silu(x.matmul(hidden.t())).matmul(gate.t()), 1e-5, 1e-5));
}

TEST(Router, JittersWhatItSeesOnlyWhileTrainingAndBySeed) {
  MoeConfig config = moe_config(2);
  const at::Tensor exact = routed(config).logits_ne;
  config.router_jitter = 0.1;
  EXPECT_TRUE(at::equal(routed(config, false).logits_ne, exact));
  at::manual_seed(3);
  const at::Tensor jittered = routed(config, true).logits_ne;
  EXPECT_FALSE(at::equal(jittered, exact));
  at::manual_seed(3);
  EXPECT_TRUE(at::equal(routed(config, true).logits_ne, jittered));
  // One feature alone shows the factor itself.
  const at::Tensor factors = route(at::ones({1000, 1}), {.gate = at::ones({6, 1})}, config, true).logits_ne;
  EXPECT_GE(factors.min().item<double>(), 0.9);
  EXPECT_LE(factors.max().item<double>(), 1.1);
  EXPECT_NEAR(factors.mean().item<double>(), 1, 0.01);
}

TEST(Router, ChoosesOnlyFromTheGroupsWhoseTwoBestExpertsScoreMost) {
  MoeConfig config = moe_config(2);
  config.scoring_func = "sigmoid";
  const std::vector<double> logits = {2.0, -9.0, /**/ 1.0, 0.9, /**/ 0.5, 0.4};
  config.n_group = 3;
  config.topk_group = 3;
  EXPECT_EQ(chosen_by(routed_by(logits, config)), (std::vector<int64_t>{0, 2})) << "no limit";
  config.topk_group = 1;  // sums of sigmoids: 0.88, 1.44, 1.22
  EXPECT_EQ(chosen_by(routed_by(logits, config)), (std::vector<int64_t>{2, 3}));
  config.topk_group = 2;
  EXPECT_EQ(chosen_by(routed_by(logits, config)), (std::vector<int64_t>{2, 3}));
  config.num_experts_per_tok = 4;
  EXPECT_EQ(chosen_by(routed_by(logits, config)), (std::vector<int64_t>{2, 3, 4, 5}));
  config.norm_topk_prob = false;
  const Routing routing = routed_by(logits, config);
  EXPECT_TRUE(at::equal(routing.weights_ns, routing.logits_ne.sigmoid().gather(1, routing.experts_ns)));
}

TEST(Router, AddsTheBiasForTheChoiceAndNotForTheWeights) {
  MoeConfig config = moe_config(2);
  const at::Tensor gate = at::tensor({3.0f, 2.0f, 1.0f, 0.0f, -1.0f, -2.0f}).unsqueeze(1);
  const at::Tensor bias = at::tensor({-1.0f, 0.0f, 0.0f, 0.0f, 0.5f, 0.0f});
  config.norm_topk_prob = false;
  const Routing routing = route(at::ones({1, 1}), {.gate = gate, .bias_e = bias}, config, true);
  EXPECT_EQ(chosen_by(routing), (std::vector<int64_t>{1, 4}));
  EXPECT_TRUE(at::equal(routing.weights_ns, routing.probabilities_ne.gather(1, routing.experts_ns)));
}

TEST(Router, CountsTheBiasAmongTheGroupsToo) {
  MoeConfig config = moe_config(1);
  config.n_group = 3;
  config.topk_group = 1;
  const at::Tensor gate = at::tensor({3.0f, 2.0f, 1.0f, 0.0f, -1.0f, -2.0f}).unsqueeze(1);
  const at::Tensor bias = at::tensor({0.0f, 0.0f, 0.0f, 0.0f, 0.6f, 0.6f});
  EXPECT_EQ(chosen_by(route(at::ones({1, 1}), {.gate = gate, .bias_e = bias}, config, true)),
            (std::vector<int64_t>{4}));
}

TEST(Router, ForcedToUniformityTakesTheExpertsInTurnAndKeepsTheirScores) {
  MoeConfig config = moe_config(4);
  config.force_uniform_routing = true;
  config.norm_topk_prob = false;
  const Routing routing = routed(config);
  for (int64_t token = 0; token < 40; ++token) {
    for (int64_t slot = 0; slot < 4; ++slot) {
      EXPECT_EQ(routing.experts_ns[token][slot].item<int64_t>(), (4 * token + slot) % 6);
    }
  }
  EXPECT_TRUE(at::equal(routing.weights_ns, routing.probabilities_ne.gather(1, routing.experts_ns)));
}

TEST(Router, FourEqualLogitsOfAnySizeGiveEqualWeightsAndABalancingLossOfOne) {
  // In s / (sum + 1e-20) sigmoid scores lost their normalisation from -46 down: of four logits of -60 the loss was
  // 3.5e-6 and the experts' output vanished.
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    for (const char* way : {"plain", "groups", "bias"}) {
      for (const double logit : {-100.0, -87.0, -60.0, -46.0, -30.0, 0.0, 30.0, 60.0, 100.0}) {
        SCOPED_TRACE(testing::Message() << scoring << ", " << way << ", logit " << logit);
        MoeConfig config = moe_config(2);
        config.num_experts = 4;
        config.scoring_func = scoring;
        if (std::string(way) == "groups") config.n_group = 2;
        RouterWeights weights{.gate = at::full({4, 1}, logit)};
        if (std::string(way) == "bias") weights.bias_e = at::tensor({0.0f, 0.1f, 0.2f, -0.1f});
        const Routing routing = route(at::ones({6, 1}), weights, config, true);
        EXPECT_TRUE(at::equal(routing.weights_ns, at::full({6, 2}, 0.5)));
        EXPECT_TRUE(at::equal(routing.probabilities_ne, at::full({6, 4}, 0.25)));
        const at::Tensor load_be = at::one_hot(routing.experts_ns, 4).sum(at::IntArrayRef{0, 1}).view({1, 4});
        const BalanceInput input{routing, at::ones({1, 6}), load_be.to(at::kFloat)};
        EXPECT_NEAR(token_balance_loss(input).item<double>(), 1, 1e-6);
      }
    }
  }
}

TEST(Router, NormalisesLowScoresAsIfTheyWereHigh) {
  // Far below 0 all three functions are exponentials of their logits, or of half of them.
  const std::vector<double> logits = {-70, -71, -72, -73, -74, -75};
  for (const char* scoring : {"sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = moe_config(2);
    config.scoring_func = scoring;
    const Routing routing = routed_by(logits, config);
    const double step = std::string(scoring) == "sigmoid" ? 1 : 0.5;
    const at::Tensor want_e = (routing.logits_ne[0] * step).softmax(-1);
    EXPECT_TRUE(at::allclose(routing.probabilities_ne[0], want_e, 1e-5, 1e-6)) << scoring;
    EXPECT_NEAR(routing.weights_ns.max().item<double>(), 1 / (1 + std::exp(-step)), 1e-5) << scoring;
  }
}

TEST(Router, ChoosesAmongScoresThatAreEqualInFp32ByTheirLogits) {
  for (const char* scoring : {"sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = moe_config(2);
    config.scoring_func = scoring;
    EXPECT_EQ(chosen_by(routed_by({-110, -105, -120, -104, -130, -140}, config)), (std::vector<int64_t>{1, 3}));
    EXPECT_EQ(chosen_by(routed_by({40, 41, 39, 42, 38, 37}, config)), (std::vector<int64_t>{1, 3}));
  }
}

TEST(Router, ABiasThatChoosesExpertsWithoutProbabilityStillGivesThemWeights) {
  MoeConfig config = moe_config(2);
  const at::Tensor gate = at::tensor({100.0f, 0.0f, 0.0f, -1.0f, -1.0f, -1.0f}).unsqueeze(1);
  const at::Tensor bias = at::tensor({-2.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f});
  const Routing routing = route(at::ones({1, 1}), {.gate = gate, .bias_e = bias}, config, true);
  EXPECT_TRUE(all_close_to(row_sums(routing.weights_ns), 1));
}

TEST(Router, SendsFiniteGradientsThroughLogitsOfAnySize) {
  for (const char* scoring : {"softmax", "sigmoid", "sqrtsoftplus"}) {
    MoeConfig config = moe_config(2);
    config.scoring_func = scoring;
    at::Tensor gate = at::tensor({-100.0f, -60.0f, -17.0f, 0.0f, 60.0f, 100.0f}).unsqueeze(1).set_requires_grad(true);
    const Routing routing = route(at::ones({1, 1}), {.gate = gate}, config, true);
    (routing.weights_ns.max() + routing.probabilities_ne.square().sum()).backward();
    EXPECT_TRUE(at::isfinite(gate.grad()).all().item<bool>()) << scoring;
  }
}

/// Norm of what the language-model loss alone sends the routers of a top-1 model.
double router_gradient(bool norm_top1_prob) {
  ModelConfig config = small_config("moe");
  config.moe.num_experts_per_tok = 1;
  config.moe.norm_top1_prob = norm_top1_prob;
  config.moe.aux_loss = "none";
  SmallModel small(config);
  const at::Tensor tokens = some_tokens(4, 24);
  language_loss(small.model, small.model.forward(tokens, true), tokens).backward();
  double squares = 0;
  for (const auto& [name, gradient] : small.gradients()) {
    if (name.ends_with("mlp.gate.weight")) squares += gradient.square().sum().item<double>();
  }
  return std::sqrt(squares);
}

TEST(Router, OfTopOneLearnsFromTheLanguageModelOnlyWhenItsWeightIsNotNormalised) {
  // MiniMind issue 858: a weight divided by itself is 1, whatever the router says.
  const double live = router_gradient(false), dead = router_gradient(true);
  EXPECT_GT(live, 1e-3);
  EXPECT_LT(dead, 1e-6 * live);  // the rounding of a difference of equals: 4e-8 is typical
}

}  // namespace
}  // namespace mm
