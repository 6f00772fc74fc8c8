// Scores, choices and weights of the router.
#include "model/moe/router.h"

#include "small_model.h"

namespace mm {
namespace {

MoeConfig moe_config(int64_t top_k) {
  MoeConfig config;
  config.num_experts = 6;
  config.num_experts_per_tok = top_k;
  return config;
}

Routing routed(const MoeConfig& config) {
  return route(random_tensor({40, 8}, 1), random_tensor({6, 8}, 2), config);
}

at::Tensor row_sums(const at::Tensor& x) {
  return x.sum(-1);
}
bool all_close_to(const at::Tensor& x, double value) {
  return (x - value).abs().max().item<double>() < 2e-6;
}

TEST(Router, ChoosesDifferentExpertsOfTheHighestScores) {
  for (const char* scoring : {"softmax", "sigmoid"}) {
    MoeConfig config = moe_config(3);
    config.scoring_func = scoring;
    const Routing routing = routed(config);
    const at::Tensor best = std::get<1>(routing.logits_ne.topk(3)), chosen = routing.experts_ns;
    EXPECT_TRUE(at::equal(std::get<0>(best.sort(-1)), std::get<0>(chosen.sort(-1)))) << scoring;
    EXPECT_TRUE(all_close_to(row_sums(routing.probabilities_ne), 1)) << scoring;
  }
}

TEST(Router, NormalisedTopKWeightsSumToOne) {
  for (const char* scoring : {"softmax", "sigmoid"}) {
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
  const Routing routing = route(random_tensor({4, 8}, 1).to(at::kBFloat16), random_tensor({6, 8}, 2), moe_config(2));
  EXPECT_EQ(routing.logits_ne.scalar_type(), at::kFloat);
  EXPECT_EQ(routing.weights_ns.scalar_type(), at::kFloat);
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
