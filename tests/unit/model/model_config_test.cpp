// Derived values of the model section, and the messages about settings that do not fit together.
#include "model/model_config.h"

#include "small_model.h"

namespace mm {
namespace {

std::vector<std::string> problems_of(ModelConfig config) {
  Problems problems;
  resolve_model(config, "a.json", problems);
  return problems.messages();
}

using Messages = std::vector<std::string>;

TEST(ResolveModel, DerivesTheFeedForwardWidthOfEachGeneration) {
  const auto width = [](const std::string& rule, int64_t hidden_size) {
    ModelConfig config;
    config.hidden_size = hidden_size;
    config.intermediate_rule = rule;
    return *resolved(config).intermediate_size;
  };
  EXPECT_EQ(width("8/3", 512), 1408);
  EXPECT_EQ(width("8/3", 640), 1728);
  EXPECT_EQ(width("8/3", 768), 2048);
  EXPECT_EQ(width("8/3", 1024), 2752);
  EXPECT_EQ(width("pi", 512), 1664);
  EXPECT_EQ(width("pi", 640), 2048);
  EXPECT_EQ(width("pi", 768), 2432);
  EXPECT_EQ(width("pi", 1024), 3264);
}

TEST(ResolveModel, KeepsWidthsThatAreGiven) {
  ModelConfig config = small_config("moe");
  config.head_dim = 16;
  config.moe.moe_intermediate_size = 24;
  config = resolved(config);
  EXPECT_EQ(config.attention_width(), 64);
  EXPECT_EQ(config.key_value_width(), 32);
  EXPECT_EQ(config.expert_width(), 24);
  EXPECT_EQ(*config.intermediate_size, 40);
}

TEST(ResolveModel, MakesExpertsAsWideAsTheDenseFeedForwardUnlessToldOtherwise) {
  EXPECT_EQ(resolved(small_config("moe")).expert_width(), 40);
  EXPECT_EQ(*resolved(small_config("dense")).head_dim, 8);
}

TEST(ResolveModel, RefusesHeadsThatDoNotDivideTheWidthWithOneMessage) {
  ModelConfig config = small_config("dense");
  config.num_attention_heads = 7;
  config.num_key_value_heads = 7;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.num_attention_heads: got 7, want a divisor of hidden_size 32 (or set head_dim)"}));
  config.head_dim = 8;
  EXPECT_EQ(problems_of(config), Messages{});
}

TEST(ResolveModel, RefusesHeadsOfOddWidth) {
  ModelConfig config = small_config("dense");
  config.head_dim = 9;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.head_dim: got 9, want an even number (rotary positions turn pairs of features)"}));
}

TEST(ResolveModel, RefusesGroupsOfQueryHeadsThatAreNotEqual) {
  ModelConfig config = small_config("dense");
  config.num_key_value_heads = 3;
  EXPECT_EQ(
      problems_of(config),
      (Messages{"a.json:model.num_key_value_heads: got 3, want a divisor of num_attention_heads 4 (each key/value "
                "head serves an equal group of query heads)"}));
  config.num_key_value_heads = 8;
  EXPECT_EQ(problems_of(config).size(), 1u);
}

TEST(ResolveModel, RefusesWidthsThatMatrixProductsCannotAlign) {
  ModelConfig config = small_config("moe");
  config.hidden_size = 36;
  config.head_dim = 8;
  config.moe.moe_intermediate_size = 20;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.hidden_size: got 36, want a multiple of 8 (matrix products want 16-byte rows)",
                      "a.json:model.moe_intermediate_size: got 20, want a multiple of 8 (matrix products want 16-byte "
                      "rows)"}));
  ModelConfig dense = small_config("dense");
  dense.intermediate_size = 20;
  EXPECT_EQ(problems_of(dense), (Messages{"a.json:model.intermediate_size: got 20, want a multiple of 8 (matrix "
                                          "products want 16-byte rows)"}));
}

TEST(ResolveModel, RefusesMoreChosenExpertsThanThereAre) {
  ModelConfig config = small_config("moe");
  config.moe.num_experts_per_tok = 5;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.num_experts_per_tok: got 5, want at most num_experts 4 (a token cannot be sent to "
                      "more experts than there are)"}));
  config.model_type = "dense";
  EXPECT_EQ(problems_of(config), Messages{});
}

TEST(ResolveModel, RefusesGroupsOfExpertsThatDoNotWorkOut) {
  ModelConfig config = small_config("moe");
  config.moe.n_group = 3;
  config.moe.topk_group = 4;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.n_group: got 3, want a divisor of num_experts 4 (groups are of equal size)",
                      "a.json:model.topk_group: got 4, want at most n_group 3 (a token cannot choose among more groups "
                      "than there are)"}));
  config.moe.n_group = 4;
  config.moe.topk_group = 1;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.num_experts_per_tok: got 2, want at most the 1 experts of topk_group groups (raise "
                      "topk_group or lower n_group)"}));
  config.moe.topk_group = 2;
  EXPECT_EQ(problems_of(config), Messages{});
  config.moe.force_uniform_routing = true;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.topk_group: got 2, want n_group with force_uniform_routing (experts that are taken "
                      "in turn are not chosen from groups)"}));
}

TEST(ResolveModel, RefusesAGateWithoutSharedExpertsAndSharedExpertsOfOddWidth) {
  ModelConfig config = small_config("moe");
  config.moe.shared_expert_gate = true;
  config.moe.shared_expert_intermediate_size = 12;
  EXPECT_EQ(
      problems_of(config),
      (Messages{"a.json:model.shared_expert_intermediate_size: got 12, want a multiple of 8 (matrix products want "
                "16-byte rows)",
                "a.json:model.n_shared_experts: got 0, want at least 1 with shared_expert_gate (there is nothing "
                "to gate)"}));
}

TEST(ResolveModel, RefusesABalanceThatHasNothingToWorkOn) {
  ModelConfig config = small_config("moe");
  config.moe.balance = "quantile";
  EXPECT_EQ(problems_of(config), Messages{});
  config.moe.scoring_func = "sqrtsoftplus";
  EXPECT_EQ(
      problems_of(config),
      (Messages{"a.json:model.balance: got \"quantile\", want bias or none with scores of sqrtsoftplus (margins of "
                "scores without an upper end have no range)"}));
  config.moe.scoring_func = "sigmoid";
  config.moe.num_experts_per_tok = 4;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.balance: got \"quantile\", want bias or none when every token goes to every expert "
                      "(there is nothing to choose)"}));
  config.moe.num_experts_per_tok = 1;
  config.moe.n_group = 2;
  EXPECT_EQ(
      problems_of(config),
      (Messages{"a.json:model.balance: got \"quantile\", want bias or none with topk_group below n_group (a margin "
                "says nothing of an expert whose group was left out)"}));
  config.moe.balance = "bias";
  EXPECT_EQ(problems_of(config), Messages{});
  config.moe.topk_group = 2;
  config.moe.force_uniform_routing = true;
  EXPECT_EQ(
      problems_of(config),
      (Messages{"a.json:model.balance: got \"bias\", want none with force_uniform_routing (experts that are taken "
                "in turn are balanced already)"}));
}

TEST(ResolveModel, LayersAreDenseUpToTheFirstRoutedOne) {
  const ModelConfig config = resolved(small_dense_first_config());
  EXPECT_EQ(config.moe_layers(), 2);
  EXPECT_FALSE(config.is_moe_layer(0));
  EXPECT_TRUE(config.is_moe_layer(1) && config.is_moe_layer(2));
  EXPECT_EQ(resolved(small_config("moe")).moe_layers(), 2);
  EXPECT_EQ(resolved(small_config("dense")).moe_layers(), 0);
}

TEST(ResolveModel, RefusesDenseLayersThatLeaveNoneToRouteOrHaveNoWidth) {
  ModelConfig config = small_dense_first_config();
  config.moe.first_k_dense_replace = 3;
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.first_k_dense_replace: got 3, want less than num_hidden_layers 3 (without a routed "
                      "layer it is a dense model: set model_type to dense)"}));
  config.moe.first_k_dense_replace = 2;
  config.moe.n_shared_experts = 1;
  config.moe.shared_expert_intermediate_size = 16;
  config.intermediate_size.reset();
  EXPECT_EQ(problems_of(config),
            (Messages{"a.json:model.intermediate_size: got null, want the width of the dense layers with "
                      "first_k_dense_replace 2 (96 is what a token passes in a routed one)"}));
  config.intermediate_size = 20;
  EXPECT_EQ(problems_of(config), (Messages{"a.json:model.intermediate_size: got 20, want a multiple of 8 (matrix "
                                           "products want 16-byte rows)"}));
  config.intermediate_size = 24;
  config.model_type = "dense";
  EXPECT_EQ(problems_of(config), (Messages{"a.json:model.first_k_dense_replace: got 2, want 0 with model_type dense "
                                           "(all layers of such a model are dense)"}));
}

TEST(ResolveModel, ReportsAllProblemsAtOnce) {
  ModelConfig config = small_config("moe");
  config.num_key_value_heads = 3;
  config.hidden_size = 36;
  config.moe.num_experts_per_tok = 9;
  EXPECT_EQ(problems_of(config).size(), 4u);  // heads of width 9 as well
}

}  // namespace
}  // namespace mm
