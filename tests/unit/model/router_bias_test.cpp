// The rules that balance a router without a loss, on cases that can be worked out by hand, and in a small simulation.
#include "model/moe/router/router_bias.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/bincount.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "model/moe/router/router.h"
#include "model/moe/router/router_state.h"
#include "small_model.h"

namespace mm {
namespace {

MoeConfig config_with(const std::string& balance, int64_t experts = 4, int64_t top_k = 1) {
  MoeConfig config;
  config.balance = balance;
  config.num_experts = experts;
  config.num_experts_per_tok = top_k;
  return config;
}

TEST(SignBias, MovesEachExpertTowardsTheMeanByTheRate) {
  MoeConfig config = config_with("bias");
  config.router_bias_update_rate = 0.25;
  const at::Tensor bias = at::tensor({0.0f, 1.0f, -1.0f, 0.5f, 0.0f, 0.0f, 0.0f, 0.0f}).view({2, 4});
  const at::Tensor tokens = at::tensor({9, 5, 4, 2, 5, 5, 5, 5}, at::kLong).view({2, 4});
  const at::Tensor expected = at::tensor({-0.25f, 1.0f, -0.75f, 0.75f, 0.0f, 0.0f, 0.0f, 0.0f}).view({2, 4});
  EXPECT_TRUE(at::equal(sign_bias(bias, tokens, config), expected));
}

TEST(SignBias, SeesADifferenceOfOneTokenAmongMillions) {
  const at::Tensor tokens = at::tensor({100000001, 100000000, 100000000, 99999999}, at::kLong).view({1, 4});
  const at::Tensor bias = sign_bias(at::zeros({1, 4}), tokens, config_with("bias"));
  EXPECT_TRUE(at::equal(bias.sign(), at::tensor({-1.0f, 0.0f, 0.0f, 1.0f}).view({1, 4})));
}

TEST(MarginCounts, CountsTheTokensThatEachBiasWouldWin) {
  // Two experts of four are chosen; the third score is the cutoff.
  const at::Tensor scores = at::tensor({0.9f, 0.5f, 0.4f, 0.1f}).view({1, 4}), bias = at::zeros({4});
  const at::Tensor counts = margin_counts(scores, bias, at::ones({1}), 2);
  EXPECT_EQ(counts.sizes(), at::IntArrayRef({4, kMarginBins}));
  const at::Tensor bins = counts.argmax(1);
  const double width = 2.0 / kMarginBins;  // margins in [-1, 1]
  const std::vector<double> margins = {0.4 - 0.9, 0.4 - 0.5, 0.0, 0.4 - 0.1};
  for (int64_t e = 0; e < 4; ++e) {
    EXPECT_NEAR(-1 + width * (bins[e].item<double>() + 0.5), margins[static_cast<size_t>(e)], 0.51 * width) << e;
  }
}

TEST(MarginCounts, LeavePaddingOutAddUpAndSurviveARouterThatIsNotFinite) {
  const at::Tensor scores = random_tensor({30, 6}, 1).softmax(-1), bias = 0.1 * random_tensor({6}, 2);
  const auto counts = [&](int64_t begin, int64_t end) {
    return margin_counts(scores.slice(0, begin, end), bias, at::ones({end - begin}), 2);
  };
  EXPECT_TRUE(counts(0, 30).sum(1).eq(30).all().item<bool>());
  EXPECT_TRUE(at::equal(counts(0, 11) + counts(11, 30), counts(0, 30)));
  at::Tensor counted = at::ones({30});
  counted.slice(0, 11, 30).zero_();
  EXPECT_TRUE(at::equal(margin_counts(scores, bias, counted, 2), counts(0, 11)));
  const at::Tensor broken = at::full({3, 6}, std::numeric_limits<double>::quiet_NaN());
  EXPECT_EQ(margin_counts(broken, bias, at::ones({3}), 2).sum().item<int64_t>(), 18);
}

TEST(QuantileBias, IsTheBiasAtWhichTheFairShareOfTokensChoosesTheExpert) {
  const int64_t tokens = 4000, experts = 5, top_k = 2;
  MoeConfig config = config_with("quantile", experts, top_k);
  config.router_bias_smoothing = 0;
  const at::Tensor scores = (random_tensor({tokens, experts}, 3) + at::linspace(-1, 1, experts)).sigmoid();
  const at::Tensor bias = at::tensor({0.2f, 0.0f, -0.1f, 0.0f, -0.1f});
  const at::Tensor counts = margin_counts(scores, bias, at::ones({tokens}), top_k).unsqueeze(0);
  const at::Tensor next = quantile_bias(bias.unsqueeze(0), counts, config);

  const at::Tensor cutoff = std::get<0>((scores + bias).topk(top_k + 1)).amin(1, true);
  at::Tensor exact = (cutoff - scores).quantile(0.4, /*dim=*/0);
  exact = exact - exact.mean();
  EXPECT_LT((next[0] - exact).abs().max().item<double>(), 2e-3);  // a bin is 2.3 / 1024
  EXPECT_NEAR(next.sum().item<double>(), 0, 1e-5);

  config.router_bias_smoothing = 0.75;
  const at::Tensor smoothed = quantile_bias(bias.unsqueeze(0), counts, config);
  EXPECT_TRUE(at::allclose(smoothed, 0.75 * bias + 0.25 * next, 1e-5, 1e-6));
}

TEST(QuantileBias, OfALayerWithoutTokensStays) {
  const at::Tensor bias = at::tensor({0.2f, -0.2f, 0.1f, -0.1f}).view({1, 4});
  const at::Tensor none = at::zeros({1, 4, kMarginBins}, at::kInt);
  EXPECT_TRUE(at::equal(quantile_bias(bias, none, config_with("quantile")), bias));
}

/// Busiest load over mean load, minus one, of a skewed router after `steps` steps on random tokens.
double violation_after(int64_t steps, const MoeConfig& moe, const std::string& scoring) {
  ModelConfig model = small_config("moe");
  model.num_hidden_layers = 1;
  model.moe = moe;
  model.moe.scoring_func = scoring;
  model = resolved(model);
  const RouterState state = make_router_state(model, at::kCPU);
  // The last feature is 1 in every token: a preference for the later experts that no token can escape.
  at::Tensor gate = 0.5 * random_tensor({moe.num_experts, 9}, 1);
  gate.select(1, 8).copy_(at::linspace(-1.5, 1.5, moe.num_experts));
  at::Tensor tokens_e;
  for (int64_t step = 0; step <= steps; ++step) {
    const at::Tensor x = at::cat({random_tensor({1024, 8}, 100 + static_cast<uint64_t>(step)), at::ones({1024, 1})}, 1);
    const at::Tensor bias_e = state.bias_le.select(0, 0);
    const Routing routing = route(x, {.gate = gate, .bias_e = bias_e}, model.moe, true);
    tokens_e = at::bincount(routing.experts_ns.flatten(), {}, moe.num_experts);
    const bool quantile = moe.balance == "quantile";
    const at::Tensor margins_em =
        quantile ? margin_counts(routing.scores_ne, bias_e, at::ones({1024}), moe.num_experts_per_tok) : tokens_e;
    update_router_state(state, {tokens_e.unsqueeze(0), margins_em.unsqueeze(0)}, at::zeros({}), model.moe);
  }
  return tokens_e.max().item<double>() / tokens_e.to(at::kDouble).mean().item<double>() - 1;
}

TEST(RouterBias, BringsASkewedRouterToBalance) {
  for (const char* scoring : {"softmax", "sigmoid"}) {
    MoeConfig bias = config_with("bias", 8, 2), quantile = config_with("quantile", 8, 2);
    bias.router_bias_update_rate = 0.01;
    EXPECT_GT(violation_after(0, bias, scoring), 1.0) << scoring;
    EXPECT_LT(violation_after(100, bias, scoring), 0.4) << scoring;
    EXPECT_LT(violation_after(12, quantile, scoring), 0.25) << scoring;
  }
}

}  // namespace
}  // namespace mm
