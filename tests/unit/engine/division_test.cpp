// A model whose state ranks divide among themselves learns what a model in one process learns.
#include "engine/division.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "engine/training_step.h"
#include "engine/whole_model.h"
#include "model/parameters/init.h"
#include "tests/unit/distributed/ranks.h"

namespace mm {
namespace {

/// Small, as AdamW's first update is a step of this size even where a gradient is nothing but rounding.
constexpr double kLearningRate = 1e-4;

ModelConfig mixture(const std::string& balance = "none", int64_t slots = 2) {
  ModelConfig config;
  config.model_type = "moe";
  config.vocab_size = 50;
  config.hidden_size = 24;
  config.num_hidden_layers = 3;
  config.intermediate_size = 40;
  config.moe.first_k_dense_replace = 1;  // what every rank has, beside experts that each has some of
  config.num_attention_heads = 2;
  config.num_key_value_heads = 2;
  config.moe.num_experts = 4;
  config.moe.num_experts_per_tok = slots;
  config.moe.n_shared_experts = 1;
  config.moe.moe_intermediate_size = 16;
  config.moe.balance = balance;
  Problems problems;
  resolve_model(config, "a test", problems);
  problems.throw_if_any();
  return config;
}

Batch batch_of(int64_t number) {
  auto generator = at::detail::createCPUGenerator(static_cast<uint64_t>(number) + 1);
  const at::Tensor ids = at::randint(0, 50, {2, 9}, generator, at::kLong);
  return {.tokens_bt = ids.narrow(1, 0, 8).contiguous(), .targets_bt = ids.narrow(1, 1, 8).contiguous(), .targets = 16};
}

/// All tokens go to these experts, first choice first.
void send_all_to(const std::vector<int64_t>& experts, const RouterState& router) {
  for (size_t i = 0; i < experts.size(); ++i) {
    router.bias_le.select(1, experts[i]).fill_(100.0 - static_cast<double>(i));
  }
}

/// Two steps of four micro-batches, of which each rank takes its share.
struct Trained {
  Trained(const ModelConfig& config, const World& world, bool shards, const std::vector<int64_t>& favoured)
      : model(config, {}, at::kCPU, at::kFloat, world, shards), whole(model) {
    if (world.is_first()) {
      initialize(whole.parameters(), config, 7);
      send_all_to(favoured, whole.parameters().router_state());
    }
    whole.deliver();
    TrainingStep training(config, {.accumulation = 4, .max_grad_norm = 0.1}, model);
    for (int step = 0; step < 2; ++step) {
      training.begin(4);
      for (int64_t number = world.rank(); number < 4; number += world.size()) {
        const Batch batch = batch_of(4 * step + number);
        training.backward(training.forward(batch), batch);
      }
      training.combine();
      training.finish_gradients();
      StepRecord record;
      training.update(kLearningRate).read_into(record);
      losses.push_back(record.loss);
      norms.push_back(record.grad_norm);
      expert_tokens.push_back(record.load.tokens);
    }
    whole.collect();
  }

  TrainedModel model;
  WholeModel whole;
  std::vector<double> losses, norms;
  std::vector<std::vector<int64_t>> expert_tokens;
};

/// In rank 0. AdamW's first moments are sums of gradients, of every expert by itself.
void expect_same_model(Trained& divided, Trained& alone) {
  for (size_t step = 0; step < 2; ++step) {
    EXPECT_NEAR(divided.losses[step], alone.losses[step], 1e-6 * alone.losses[step]);
    EXPECT_NEAR(divided.norms[step], alone.norms[step], 1e-6 * alone.norms[step]);
    EXPECT_EQ(divided.expert_tokens[step], alone.expert_tokens[step]);
  }
  const std::vector<OptimizerState> some = divided.whole.optimizer(), others = alone.whole.optimizer();
  ASSERT_EQ(some.size(), others.size());
  for (size_t i = 0; i < some.size(); ++i) {
    EXPECT_EQ(some[i].name, others[i].name);
    if (!some[i].begin) continue;
    const auto named = divided.whole.parameters().named(some[i].values);
    const auto named_alone = alone.whole.parameters().named(others[i].values);
    for (size_t j = 0; j < named.size(); ++j) {
      const auto largest = named_alone[j].second.abs().max().item<double>();
      EXPECT_TRUE(at::allclose(named[j].second, named_alone[j].second, 0, 1e-5 * largest)) << named[j].first;
    }
  }
}

void is_trained_as_by_one(int64_t expert_ranks, const std::string& balance, const std::vector<int64_t>& favoured) {
  // As many choices as there are favourites.
  const ModelConfig config = mixture(balance, favoured.empty() ? 2 : std::ssize(favoured));
  in_world(
      60,
      [&](const World& world) {
        Trained sharded(config, world, /*shards=*/true, favoured),
            replicated(config, world, /*shards=*/false, favoured);
        if (!world.is_first()) return;
        EXPECT_TRUE(at::equal(sharded.whole.parameters().master(), replicated.whole.parameters().master()));
        Trained alone(config, World::alone(), /*shards=*/false, favoured);
        expect_same_model(sharded, alone);
        for (const int64_t expert : favoured) EXPECT_GT(alone.expert_tokens[0][static_cast<size_t>(expert)], 0);
      },
      expert_ranks);
}

TEST(DISABLED_Member, HasAllExperts) {
  is_trained_as_by_one(1, "none", {});
}

TEST(DISABLED_Member, HasHalfOfTheExperts) {
  is_trained_as_by_one(2, "none", {});
}

TEST(DISABLED_Member, HasOneExpert) {
  is_trained_as_by_one(4, "none", {});
}

// Two experts get all tokens, those of rank 1, and rank 0 none.
TEST(DISABLED_Member, HasHalfOfTheExpertsOrIdleOnes) {
  is_trained_as_by_one(2, "bias", {3, 2});
}

TEST(DISABLED_Member, HasOneExpertOrAnIdleOne) {
  is_trained_as_by_one(4, "bias", {1, 3});
}

// It is written while training goes on.
TEST(DISABLED_Member, KeepsWhatWasCollected) {
  in_world(60, [](const World& world) {
    Trained trained(mixture(), world, /*shards=*/true, {});
    std::vector<at::Tensor> collected;
    if (world.is_first()) {
      collected.push_back(trained.whole.parameters().master());
      for (const OptimizerState& part : trained.whole.optimizer()) {
        if (part.begin) collected.push_back(part.values);
      }
    }
    std::vector<at::Tensor> before;
    for (const at::Tensor& values : collected) before.push_back(values.clone());
    trained.model.parameters.master().add_(1);
    for (const OptimizerState& part : trained.model.optimizer->state()) part.values.add_(1);
    for (size_t i = 0; i < collected.size(); ++i) EXPECT_TRUE(at::equal(collected[i], before[i]));
  });
}

TEST(DISABLED_Member, SeesAllTokensGoToOneExpert) {
  is_trained_as_by_one(2, "bias", {3});
}

TEST(Division, WhatWasCollectedIsACopy) {
  EXPECT_EQ(codes_of("KeepsWhatWasCollected", 2), std::vector<int>(2, 0));
}

TEST(Division, AShardedOptimizerUpdatesAsAWholeOneDoes) {
  EXPECT_EQ(codes_of("HasAllExperts", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("HasAllExperts", 4), std::vector<int>(4, 0));
}

TEST(Division, DividedExpertsLearnWhatTheyLearnInOneProcess) {
  EXPECT_EQ(codes_of("HasHalfOfTheExperts", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("HasOneExpert", 4), std::vector<int>(4, 0));
}

TEST(Division, EveryGroupOfRanksHasAllExperts) {
  EXPECT_EQ(codes_of("HasHalfOfTheExperts", 4), std::vector<int>(4, 0));
}

TEST(Division, ExpertsOfARankMayAllBeIdle) {
  EXPECT_EQ(codes_of("HasHalfOfTheExpertsOrIdleOnes", 2), std::vector<int>(2, 0));
  EXPECT_EQ(codes_of("HasOneExpertOrAnIdleOne", 4), std::vector<int>(4, 0));
  EXPECT_EQ(codes_of("SeesAllTokensGoToOneExpert", 2), std::vector<int>(2, 0));
}

}  // namespace
}  // namespace mm
