// What several ranks take and send, against counts by hand.
#include "recipe/ranks_forecast.h"

#include <gtest/gtest.h>

#include "model/parameters/count.h"

namespace mm {
namespace {

RunConfig mixture() {
  RunConfig config;
  config.model.model_type = "moe";
  config.model.vocab_size = 64;
  config.model.hidden_size = 32;
  config.model.num_hidden_layers = 2;
  config.model.num_attention_heads = 2;
  config.model.num_key_value_heads = 2;
  config.model.moe.num_experts = 4;
  config.model.moe.num_experts_per_tok = 2;
  config.model.moe.moe_intermediate_size = 16;
  config.train.micro_batch = 2;
  config.train.accumulation = 8;
  config.data.sequence_length = 10;
  Problems problems;
  resolve_model(config.model, "a test", problems);
  problems.throw_if_any();
  return config;
}

TEST(RanksForecast, ShardedMomentsAreDividedAndNothingElseIs) {
  const RunConfig config = mixture();
  const auto parameters = static_cast<double>(count_parameters(config.model).total);
  const RankCost whole = rank_cost(config, 4, /*sixteen_bit=*/false, /*sharded=*/false);
  const RankCost sharded = rank_cost(config, 4, /*sixteen_bit=*/false, /*sharded=*/true);
  EXPECT_DOUBLE_EQ(whole.state, 16 * parameters);
  EXPECT_DOUBLE_EQ(sharded.state, 10 * parameters);
  EXPECT_DOUBLE_EQ(sharded.sums, whole.sums);
  EXPECT_DOUBLE_EQ(whole.sums, 8 * parameters * 3 / 4);
  EXPECT_EQ(whole.experts, 0);
}

TEST(RanksForecast, DividedExpertsAreSummedAmongReplicasAndSentTokens) {
  RunConfig config = mixture();
  config.distributed.expert_parallel = 2;
  const double experts = 2 * 4 * 3 * 16 * 32,
               common = static_cast<double>(count_parameters(config.model).total) - experts;
  const RankCost cost = rank_cost(config, 4, /*sixteen_bit=*/false, /*sharded=*/false);
  EXPECT_DOUBLE_EQ(cost.state, 16 * (common + experts / 2));
  EXPECT_DOUBLE_EQ(cost.sums, 8 * (common * 3 / 4 + experts / 2 / 2));
  // 40 tokens of a rank, two slots, two layers, half of them elsewhere; there and back, twice.
  EXPECT_DOUBLE_EQ(cost.experts, 40 * 2 * 2 / 2 * 4 * 32 * 4);
}

TEST(RanksForecast, WhatIsSentTakesItsShareOfTheTime) {
  const RunConfig config = mixture();
  const double flops = flops_per_token(config.model, 10) * 160 / 4;
  const RankCost cost{.sums = 300, .experts = 100};
  EXPECT_DOUBLE_EQ(rank_efficiency(config, 4, cost, flops / 2, 100), 2.0 / (2.0 + 4.0));
}

}  // namespace
}  // namespace mm
