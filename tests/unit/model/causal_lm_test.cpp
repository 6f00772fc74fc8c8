// The language model as a whole: what may depend on what.
#include "model/causal_lm.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>

#include "small_model.h"

namespace mm {
namespace {

TEST(CausalLm, NeverLetsALaterTokenChangeAnEarlierLogit) {
  for (const char* model_type : {"dense", "moe"}) {
    SmallModel small(small_config(model_type));
    const at::Tensor tokens = some_tokens(2, 16);
    at::Tensor changed = tokens.clone();
    changed.select(1, 10).add_(1).remainder_(50);
    const at::Tensor before = evaluation_logits(small.model, tokens), after = evaluation_logits(small.model, changed);
    // Other tokens at an expert change the shape of its product, and with it the last bits.
    EXPECT_TRUE(at::allclose(before.narrow(1, 0, 10), after.narrow(1, 0, 10), 1e-5, 1e-5)) << model_type;
    for (int64_t time = 10; time < 16; ++time) {
      EXPECT_GT((before.select(1, time) - after.select(1, time)).abs().max().item<double>(), 1e-3)
          << model_type << " " << time;
    }
  }
}

TEST(CausalLm, KeepsTheSequencesOfABatchApart) {
  SmallModel small(small_config("moe"));
  const at::Tensor tokens = some_tokens(3, 12);
  const at::Tensor together = evaluation_logits(small.model, tokens);
  for (int64_t b = 0; b < 3; ++b) {
    const at::Tensor alone = evaluation_logits(small.model, tokens.narrow(0, b, 1).contiguous());
    EXPECT_TRUE(at::allclose(alone[0], together[b], 1e-5, 1e-5)) << b;
  }
}

TEST(CausalLm, TakesLongerSequencesThanItHasSeen) {
  SmallModel grown(small_config("dense")), fresh(small_config("dense"));
  const at::Tensor tokens = some_tokens(1, 33);
  evaluation_logits(grown.model, tokens.narrow(1, 0, 5).contiguous());
  EXPECT_TRUE(at::equal(evaluation_logits(grown.model, tokens), evaluation_logits(fresh.model, tokens)));
}

TEST(CausalLm, DropsNothingInEvaluation) {
  for (const char* model_type : {"dense", "moe"}) {
    ModelConfig config = small_config(model_type);
    SmallModel plain(config);
    config.dropout = 0.5;
    SmallModel dropping(config);
    const at::Tensor tokens = some_tokens(2, 10);
    EXPECT_TRUE(at::equal(evaluation_logits(plain.model, tokens), evaluation_logits(dropping.model, tokens)));
    const at::Tensor first = dropping.model.forward(tokens, true).hidden_nd;
    EXPECT_FALSE(at::equal(first, dropping.model.forward(tokens, true).hidden_nd)) << model_type;
  }
}

TEST(CausalLm, ReportsLossesOfTheRoutersOnlyWhileTrainingAMixture) {
  ModelConfig config = small_config("moe");
  config.moe.router_z_loss_coef = 1e-3;
  SmallModel moe(config), dense(small_config("dense"));
  const at::Tensor tokens = some_tokens(2, 8);
  const LayerReports training = moe.model.forward(tokens, true).reports;
  EXPECT_GT(training.balance_loss.item<double>(), 0);
  EXPECT_GT(training.z_loss.item<double>(), 0);
  const LayerReports evaluation = moe.model.forward(tokens, false).reports;
  EXPECT_FALSE(evaluation.balance_loss.defined() || evaluation.z_loss.defined());
  EXPECT_TRUE(evaluation.expert_tokens_le.defined());
  const LayerReports none = dense.model.forward(tokens, true).reports;
  EXPECT_FALSE(none.balance_loss.defined() || none.z_loss.defined() || none.expert_tokens_le.defined());
}

TEST(CausalLm, CountsAPaddedBatchAsTheUnpaddedOne) {
  for (const char* aux_loss : {"token", "sequence", "token_sum"}) {
    ModelConfig config = small_config("moe");
    config.moe.aux_loss = aux_loss;
    config.moe.router_z_loss_coef = 1e-2;
    SmallModel small(config);
    const at::Tensor tokens = some_tokens(2, 9);
    const at::Tensor padded = at::cat({tokens, at::zeros({2, 7}, at::kLong)}, 1);
    const at::Tensor counted = at::arange(16).lt(9).expand({2, 16});
    const LayerReports a = small.model.forward(tokens, true).reports;
    const LayerReports b = small.model.forward(padded, true, {.counted_bt = counted}).reports;
    EXPECT_TRUE(at::equal(a.expert_tokens_le, b.expert_tokens_le)) << aux_loss;
    EXPECT_NEAR(a.balance_loss.item<double>(), b.balance_loss.item<double>(), 1e-7) << aux_loss;
    EXPECT_NEAR(a.z_loss.item<double>(), b.z_loss.item<double>(), 1e-6) << aux_loss;
  }
}

TEST(CausalLm, AveragesTheSequenceLossOverSequencesOfUnequalLength) {
  ModelConfig config = small_config("moe");
  config.moe.aux_loss = "sequence";
  SmallModel small(config);
  const at::Tensor tokens = some_tokens(2, 12);
  const at::Tensor counted = at::arange(12).lt(at::tensor({12, 5}).unsqueeze(1));
  const auto balance = [&](const at::Tensor& ids, const at::Tensor& mask) {
    return small.model.forward(ids.contiguous(), true, {.counted_bt = mask}).reports.balance_loss.item<double>();
  };
  const double apart = (balance(tokens.narrow(0, 0, 1), {}) + balance(tokens.narrow(0, 1, 1).narrow(1, 0, 5), {})) / 2;
  EXPECT_NEAR(balance(tokens, counted), apart, 1e-6);
}

/// The dense model that a mixture of one expert a layer is.
TEST(CausalLm, WithAMixtureOfOneExpertBehindDenseLayersIsTheDenseModelToTheBit) {
  ModelConfig config = small_config("moe");
  config.num_hidden_layers = 3;
  config.moe.first_k_dense_replace = 2;
  config.moe.num_experts = config.moe.num_experts_per_tok = 1;
  config.moe.norm_top1_prob = true;
  SmallModel mixture(config);
  config.model_type = "dense";
  config.moe = {};
  SmallModel dense(config);
  const auto dense_name = [](std::string name) {
    const size_t at = name.find("experts.0.");
    return at == std::string::npos ? name : name.erase(at, std::string_view("experts.0.").size());
  };
  {
    const at::NoGradGuard no_grad;
    const auto weights = dense.weights();
    for (const auto& [name, values] : mixture.weights()) {
      if (!name.ends_with("mlp.gate.weight")) weights.at(dense_name(name)).copy_(values);
    }
  }
  const at::Tensor tokens = some_tokens(2, 10);
  EXPECT_TRUE(at::equal(evaluation_logits(mixture.model, tokens), evaluation_logits(dense.model, tokens)));
  for (SmallModel* small : {&mixture, &dense}) {
    language_loss(small->model, small->model.forward(tokens, true), tokens).backward();
  }
  const auto gradients = dense.gradients();
  for (const auto& [name, gradient] : mixture.gradients()) {
    if (name.ends_with("mlp.gate.weight")) continue;
    EXPECT_TRUE(at::allclose(gradient, gradients.at(dense_name(name)), 1e-5, 1e-7)) << name;
    EXPECT_GT(gradient.abs().max().item<double>(), 0) << name;
  }
}

TEST(CausalLm, UsesItsOwnHeadWhenTheHeadIsNotTied) {
  ModelConfig config = small_config("dense");
  config.tie_word_embeddings = false;
  SmallModel small(config);
  const at::Tensor tokens = some_tokens(1, 8);
  small.weights().at("lm_head.weight").zero_();
  EXPECT_EQ(evaluation_logits(small.model, tokens).abs().max().item<float>(), 0.0f);
  language_loss(small.model, small.model.forward(tokens, true), tokens).backward();
  EXPECT_GT(small.gradients().at("lm_head.weight").abs().max().item<float>(), 0.0f);
  EXPECT_EQ(small.gradients().at("model.embed_tokens.weight").abs().max().item<float>(), 0.0f);  // behind a zero head
}

TEST(CausalLm, GivesTheSameBytesEveryTime) {
  ModelConfig config = small_config("moe");
  config.moe.n_shared_experts = 1;
  const auto gradient = [&] {
    SmallModel small(config);
    const at::Tensor tokens = some_tokens(4, 32);
    const HiddenStates states = small.model.forward(tokens, true);
    (language_loss(small.model, states, tokens) + states.reports.balance_loss).backward();
    return small.parameters.gradient();
  };
  EXPECT_TRUE(at::equal(gradient(), gradient()));
}

}  // namespace
}  // namespace mm
