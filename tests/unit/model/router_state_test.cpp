// What a router carries between steps: which configs have it, what changes it, and what it changes.
#include "model/moe/router/router_state.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "small_model.h"

namespace mm {
namespace {

ModelConfig config_with(const std::string& balance, const std::string& aux_loss = "none") {
  ModelConfig config = small_config("moe");
  config.moe.balance = balance;
  config.moe.aux_loss = aux_loss;
  return resolved(config);
}

TEST(RouterState, HoldsWhatTheConfigNeeds) {
  const auto defined = [](const ModelConfig& config) {
    const RouterState state = make_router_state(config, at::kCPU);
    return std::pair(state.bias_le.defined(), state.load_le.defined());
  };
  EXPECT_EQ(defined(small_config("dense")), std::pair(false, false));
  EXPECT_EQ(defined(config_with("none", "token")), std::pair(false, false));
  EXPECT_EQ(defined(config_with("none", "step")), std::pair(false, true));
  EXPECT_EQ(defined(config_with("bias")), std::pair(true, false));
  EXPECT_EQ(defined(config_with("quantile", "step")), std::pair(true, true));
}

TEST(RouterState, RemembersTheLoadOfTheLastStepThatCounted) {
  const ModelConfig config = config_with("bias", "step");
  const RouterState state = make_router_state(config, at::kCPU);
  EXPECT_TRUE(state.load_le.eq(0.25).all().item<bool>());
  const RouterCounts counts = {at::tensor({4, 2, 1, 1, 0, 0, 0, 0}, at::kLong).view({2, 4}), {}};
  update_router_state(state, counts, at::ones({}), config.moe);
  EXPECT_TRUE(state.load_le.eq(0.25).all().item<bool>()) << "the step was skipped";
  EXPECT_TRUE(state.bias_le.eq(0).all().item<bool>()) << "the step was skipped";
  update_router_state(state, counts, at::zeros({}), config.moe);
  EXPECT_TRUE(at::equal(state.load_le[0], at::tensor({0.5f, 0.25f, 0.125f, 0.125f})));
  EXPECT_TRUE(state.load_le[1].eq(0.25).all().item<bool>()) << "a layer without tokens";
  EXPECT_TRUE(at::equal(state.bias_le[0], at::tensor({-1e-3f, 0.0f, 1e-3f, 1e-3f})));
}

TEST(RouterState, OfAModelIsReadByItsForwardPass) {
  for (const char* balance : {"bias", "quantile"}) {
    SmallModel small(config_with(balance));
    const at::NoGradGuard no_grad;
    const at::Tensor tokens = some_tokens(2, 12);
    small.parameters.router_state().bias_le.select(1, 3).fill_(10);
    const HiddenStates states = small.model.forward(tokens, false);
    EXPECT_TRUE(states.reports.expert_tokens_le.select(1, 3).eq(24).all().item<bool>());
  }
}

TEST(RouterState, TheBiasChoosesAndDoesNotWeigh) {
  ModelConfig config = config_with("bias");
  config.moe.num_experts_per_tok = 4;  // all are chosen: nothing is left to change
  SmallModel small(config);
  const at::Tensor tokens = some_tokens(2, 12), before = evaluation_logits(small.model, tokens);
  small.parameters.router_state().bias_le.copy_(random_tensor({2, 4}, 5));
  EXPECT_TRUE(at::allclose(evaluation_logits(small.model, tokens), before, 1e-5, 1e-6));
}

TEST(RouterState, GetsNoGradientAndTheRouterStillDoes) {
  SmallModel small(config_with("bias"));
  const at::Tensor tokens = some_tokens(2, 12);
  language_loss(small.model, small.model.forward(tokens, true), tokens).backward();
  EXPECT_FALSE(small.parameters.router_state().bias_le.requires_grad());
  EXPECT_FALSE(small.parameters.router_state().bias_le.grad().defined());
  EXPECT_GT(small.gradients().at("model.layers.0.mlp.gate.weight").abs().max().item<float>(), 0.0f);
}

TEST(RouterState, LeavesMarginsOnlyInTrainingAndOnlyForQuantiles) {
  SmallModel quantile(config_with("quantile")), bias(config_with("bias"));
  const at::Tensor tokens = some_tokens(2, 12);
  EXPECT_EQ(quantile.model.forward(tokens, true).reports.margins_lem.sum().item<int64_t>(), 2 * 4 * 24);
  EXPECT_FALSE(quantile.model.forward(tokens, false).reports.margins_lem.defined());
  EXPECT_FALSE(bias.model.forward(tokens, true).reports.margins_lem.defined());
}

TEST(RouterState, GoesByTheNameThatDeepSeekGaveIt) {
  const SmallModel small(config_with("bias"));
  std::vector<std::string> names;
  for (const auto& [name, tensor] : small.parameters.tensors()) {
    if (name.ends_with("bias")) names.push_back(name);
  }
  EXPECT_EQ(names, (std::vector<std::string>{"model.layers.0.mlp.gate.e_score_correction_bias",
                                             "model.layers.1.mlp.gate.e_score_correction_bias"}));
}

TEST(RouterState, HasARowForEachRoutedLayerAlone) {
  ModelConfig config = small_dense_first_config();
  config.moe.balance = "bias";
  config.moe.aux_loss = "step";
  SmallModel small(config);
  const RouterState& state = small.parameters.router_state();
  EXPECT_EQ(state.bias_le.sizes(), (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(state.load_le.sizes(), (std::vector<int64_t>{2, 4}));
  const at::NoGradGuard no_grad;
  state.bias_le[0][3].fill_(10);
  state.bias_le[1][2].fill_(10);
  const LayerReports reports = small.model.forward(some_tokens(2, 12), false).reports;
  EXPECT_EQ(reports.expert_tokens_le[0][3].item<int64_t>(), 24) << "the first row is of the second layer";
  EXPECT_EQ(reports.expert_tokens_le[1][2].item<int64_t>(), 24);
}

}  // namespace
}  // namespace mm
