// The mixture of experts as a whole: what it equals, what it counts, whom it gives gradients.
#include "model/moe/moe_layer.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/eye.h>
#include <ATen/ops/one_hot.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/silu.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "model/moe/router/router.h"
#include "small_model.h"

namespace mm {
namespace {

/// The name under which the dense model has a tensor of the only expert.
std::string dense_name(std::string name) {
  const size_t at = name.find("experts.0.");
  return at == std::string::npos ? name : name.erase(at, std::string("experts.0.").size());
}

void expect_one_expert_equals_dense(const std::string& aux_loss, bool norm_top1_prob) {
  SCOPED_TRACE(aux_loss + (norm_top1_prob ? ", normalised" : ""));
  ModelConfig config = small_config("moe");
  config.moe.num_experts = 1;
  config.moe.num_experts_per_tok = 1;
  config.moe.norm_top1_prob = norm_top1_prob;
  config.moe.aux_loss = aux_loss;
  SmallModel moe(config), dense(small_config("dense"));
  const auto dense_weights = dense.weights();
  for (const auto& [name, weight] : moe.weights()) {
    if (!name.ends_with("mlp.gate.weight")) weight.copy_(dense_weights.at(dense_name(name)));
  }

  const at::Tensor tokens = some_tokens(3, 20);
  const HiddenStates moe_states = moe.model.forward(tokens, true);
  const at::Tensor moe_loss = language_loss(moe.model, moe_states, tokens);
  const at::Tensor dense_loss = language_loss(dense.model, dense.model.forward(tokens, true), tokens);
  const at::Tensor& balance = moe_states.reports.balance_loss;
  (balance.defined() ? moe_loss + balance : moe_loss).backward();
  dense_loss.backward();

  EXPECT_TRUE(at::equal(moe_loss, dense_loss));
  const auto dense_gradients = dense.gradients();
  for (const auto& [name, gradient] : moe.gradients()) {
    if (name.ends_with("mlp.gate.weight")) {
      EXPECT_EQ(gradient.abs().max().item<float>(), 0.0f) << name;
    } else {
      EXPECT_TRUE(at::equal(gradient, dense_gradients.at(dense_name(name)))) << name;
    }
  }
  if (balance.defined()) {
    EXPECT_FLOAT_EQ(balance.item<float>(), 2 * 0.01f);  // 1 in each of two layers
  }
}

TEST(MoeLayer, OfOneExpertIsTheDenseFeedForwardToTheBit) {
  for (const char* aux_loss : {"none", "token", "sequence", "token_sum"}) {
    expect_one_expert_equals_dense(aux_loss, false);
    expect_one_expert_equals_dense(aux_loss, true);
  }
}

TEST(MoeLayer, IsTheWeightedSumOfTheExpertsWrittenOut) {
  ModelConfig config = small_config("moe");
  config.moe.n_shared_experts = 3;
  const SmallModel small(config);
  const MoeWeights weights = bind_weights(small.config, small.parameters).blocks[0].moe;
  const at::NoGradGuard no_grad;
  const at::Tensor x = random_tensor({14, 32}, 3);
  MoeReport report;
  const at::Tensor out = moe_layer(x, at::ones({2, 7}), weights, small.config, {}, report);

  const auto named = small.weights();
  const auto expert = [&](const std::string& name, const at::Tensor& input) {
    const std::string prefix = "model.layers.0.mlp." + name;
    const at::Tensor gate = at::silu(input.matmul(named.at(prefix + ".gate_proj.weight").t()));
    return (gate * input.matmul(named.at(prefix + ".up_proj.weight").t()))
        .matmul(named.at(prefix + ".down_proj.weight").t());
  };
  const at::Tensor probabilities = x.matmul(named.at("model.layers.0.mlp.gate.weight").t()).softmax(-1);
  for (int64_t token = 0; token < 14; ++token) {
    const auto [scores, experts] = probabilities[token].topk(2);
    at::Tensor expected = at::zeros({32});
    for (int64_t slot = 0; slot < 2; ++slot) {
      const std::string name = "experts." + std::to_string(experts[slot].item<int64_t>());
      expected += scores[slot] / scores.sum() * expert(name, x[token]);
    }
    for (int shared = 0; shared < 3; ++shared) expected += expert("shared_experts." + std::to_string(shared), x[token]);
    EXPECT_TRUE(at::allclose(out[token], expected, 1e-4, 1e-5)) << token;
  }
}

TEST(MoeLayer, SharedExpertsHaveTheirOwnWidthAndASigmoidGate) {
  ModelConfig config = small_config("moe");
  config.moe.n_shared_experts = 2;
  config.moe.shared_expert_intermediate_size = 16;
  config.moe.shared_expert_gate = true;
  const SmallModel small(config);
  const MoeWeights weights = bind_weights(small.config, small.parameters).blocks[0].moe;
  EXPECT_EQ(weights.shared.gate_up.sizes(), at::IntArrayRef({2 * 2 * 16, 32}));
  const at::NoGradGuard no_grad;
  const at::Tensor x = random_tensor({14, 32}, 3), counted = at::ones({2, 7});
  const auto layer = [&](const MoeWeights& some) {
    MoeReport report;
    return moe_layer(x, counted, some, small.config, {}, report);
  };
  MoeWeights ungated = weights, alone = weights;
  ungated.shared_gate = at::Tensor();
  alone.shared = FeedForwardWeights();
  const at::Tensor routed = layer(alone), open = x.matmul(weights.shared_gate.t()).sigmoid();
  EXPECT_TRUE(at::allclose(layer(weights), routed + open * (layer(ungated) - routed), 1e-4, 1e-5));
}

/// Two sequences of three tokens of one feature, four experts: token n goes to expert `favourite[n]` alone.
struct Favourites {
  explicit Favourites(const std::vector<int64_t>& favourite)
      : config(small_config("moe")), x_nd(at::one_hot(at::tensor(favourite, at::kLong), 32).to(at::kFloat)) {
    config.moe.num_experts_per_tok = 1;
    config = resolved(config);
    weights.router.gate = 9 * at::eye(4, 32);
    weights.experts_gate_up = random_tensor({4, 80, 32}, 4);
    weights.experts_down = random_tensor({4, 32, 40}, 5);
  }

  at::Tensor run(double capacity_factor, const at::Tensor& counted_bt, bool training = true) {
    config.moe.capacity_factor = capacity_factor;
    report = {};
    return moe_layer(x_nd, counted_bt, weights, config, {.training = training}, report);
  }

  ModelConfig config;
  at::Tensor x_nd;
  MoeWeights weights;
  MoeReport report;
};

at::Tensor is_zero(const at::Tensor& out_nd) {
  return (out_nd == 0).all(-1);
}

TEST(MoeLayer, DropsWhatComesLastBeyondTheCapacityOfAnExpert) {
  Favourites layer({0, 0, 1, 0, 0, 1});
  const at::Tensor all = at::ones({2, 3}), whole = layer.run(0, all);
  EXPECT_FALSE(layer.report.dropped_tokens_e.defined());
  const at::Tensor out = layer.run(4.0 / 3, all);  // ceil(4/3 * 6 / 4): two of each expert
  EXPECT_TRUE(at::equal(is_zero(out), at::tensor({0, 0, 0, 1, 1, 0}).to(at::kBool)));
  EXPECT_TRUE(at::equal(out[1], whole[1]));
  EXPECT_TRUE(at::equal(layer.report.expert_tokens_e, at::tensor({4, 2, 0, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(layer.report.dropped_tokens_e, at::tensor({2, 0, 0, 0}, at::kLong)));
  EXPECT_TRUE(at::equal(layer.run(100, all), whole));
  EXPECT_TRUE(at::equal(layer.run(4.0 / 3, all, /*training=*/false), whole));
}

TEST(MoeLayer, PaddingTakesNoRoomAndIsNotDropped) {
  Favourites layer({0, 0, 0, 0, 0, 1});
  const at::Tensor counted = at::tensor({0.0f, 1.0f, 0.0f, 1.0f, 1.0f, 1.0f}).view({2, 3});
  const at::Tensor out = layer.run(2, counted);  // 2 * 4 / 4: two of the three that count
  EXPECT_TRUE(at::equal(is_zero(out), at::tensor({0, 0, 0, 0, 1, 0}).to(at::kBool)));
  EXPECT_TRUE(at::equal(layer.report.dropped_tokens_e, at::tensor({1, 0, 0, 0}, at::kLong)));
}

TEST(MoeLayer, ADroppedPairAddsNothingAndLeavesTheOtherWeightAsItIs) {
  ModelConfig config = small_config("moe");
  config.moe.capacity_factor = 0.5;
  const SmallModel small(config);
  const MoeWeights weights = bind_weights(small.config, small.parameters).blocks[0].moe;
  const at::NoGradGuard no_grad;
  const at::Tensor x = random_tensor({16, 32}, 3);
  MoeReport report;
  const at::Tensor out = moe_layer(x, at::ones({1, 16}), weights, small.config, {.training = true}, report);

  const Routing routing = route(x, weights.router, small.config.moe, true);
  at::Tensor expected = at::zeros_like(out);
  std::vector<int64_t> taken(4, 0), dropped(4, 0);
  for (int64_t token = 0; token < 16; ++token) {
    for (int64_t slot = 0; slot < 2; ++slot) {
      const auto e = static_cast<size_t>(routing.experts_ns[token][slot].item<int64_t>());
      if (taken[e] == 4) {  // 0.5 * 16 * 2 / 4
        ++dropped[e];
        continue;
      }
      ++taken[e];
      const auto parts = weights.experts_gate_up[static_cast<int64_t>(e)].matmul(x[token]).chunk(2);
      const at::Tensor y = weights.experts_down[static_cast<int64_t>(e)].matmul(at::silu(parts[0]) * parts[1]);
      expected[token] += routing.weights_ns[token][slot] * y;
    }
  }
  EXPECT_TRUE(at::allclose(out, expected, 1e-4, 1e-5));
  EXPECT_TRUE(at::equal(report.dropped_tokens_e, at::tensor(dropped, at::kLong)));
}

TEST(MoeLayer, GivesIdleExpertsGradientsOfExactlyZero) {
  ModelConfig config = small_config("moe");
  config.moe.num_experts = 8;
  config.moe.num_experts_per_tok = 1;
  SmallModel small(config);
  const at::Tensor tokens = some_tokens(1, 3);
  const HiddenStates states = small.model.forward(tokens, true);
  const at::Tensor every_token = small.model.logits(states.hidden_nd).logsumexp(-1).sum();
  (every_token + states.reports.balance_loss).backward();
  const auto gradients = small.gradients();
  for (int64_t layer = 0; layer < 2; ++layer) {
    for (int64_t e = 0; e < 8; ++e) {
      const bool idle = states.reports.expert_tokens_le[layer][e].item<int64_t>() == 0;
      const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.experts." + std::to_string(e) + ".";
      for (const char* matrix : {"gate_proj.weight", "up_proj.weight", "down_proj.weight"}) {
        EXPECT_EQ(gradients.at(prefix + matrix).abs().max().item<float>() == 0.0f, idle) << prefix << matrix;
      }
    }
  }
}

TEST(MoeLayer, CountsEveryTokenOnceForEachOfItsExperts) {
  for (int64_t top_k : {1, 2, 4}) {
    ModelConfig config = small_config("moe");
    config.moe.num_experts_per_tok = top_k;
    SmallModel small(config);
    const at::Tensor counts = small.model.forward(some_tokens(3, 11), true).reports.expert_tokens_le;
    EXPECT_EQ(counts.sizes(), at::IntArrayRef({2, 4}));
    EXPECT_EQ(counts.scalar_type(), at::kLong);
    EXPECT_FALSE(counts.requires_grad());
    EXPECT_TRUE(counts.sum(1).eq(3 * 11 * top_k).all().item<bool>());
  }
}

TEST(MoeLayer, RoundsExpertOutputsToFp16OnlyWhileTraining) {
  ModelConfig config = small_config("moe");
  SmallModel plain(config);
  config.moe.fp16_expert_output = true;
  SmallModel rounding(config);
  const at::Tensor tokens = some_tokens(2, 9);
  EXPECT_TRUE(at::equal(plain.model.forward(tokens, false).hidden_nd, rounding.model.forward(tokens, false).hidden_nd));
  const at::Tensor exact = plain.model.forward(tokens, true).hidden_nd;
  const at::Tensor rounded = rounding.model.forward(tokens, true).hidden_nd;
  EXPECT_FALSE(at::equal(exact, rounded));
  EXPECT_TRUE(at::allclose(exact, rounded, 1e-2, 1e-2));
}

}  // namespace
}  // namespace mm
