// Sizes of every published MiniMind model, to the parameter.
#include "model/parameters/count.h"

#include "small_model.h"

namespace mm {
namespace {

struct Published {
  const char* name;
  int64_t hidden_size, layers, vocab_size, heads, key_value_heads;
  bool moe;
  int64_t total, active;
};

ModelConfig config_of(const Published& row) {
  ModelConfig config;
  config.model_type = row.moe ? "moe" : "dense";
  config.hidden_size = row.hidden_size;
  config.num_hidden_layers = row.layers;
  config.vocab_size = row.vocab_size;
  config.num_attention_heads = row.heads;
  config.num_key_value_heads = row.key_value_heads;
  config.moe.n_shared_experts = 1;
  if (std::string(row.name).starts_with("minimind-3")) {
    config.intermediate_rule = "pi";
    config.qk_norm = true;
    config.moe.n_shared_experts = 0;
    config.moe.num_experts_per_tok = 1;
  }
  return resolved(config);
}

TEST(CountParameters, GivesTheExactSizeOfEveryPublishedModel) {
  const std::vector<Published> table = {
      {"minimind-v1-small", 512, 8, 6400, 16, 8, false, 26'878'464, 26'878'464},
      {"minimind-small", 640, 8, 32000, 16, 8, false, 56'863'360, 56'863'360},
      {"minimind", 1024, 16, 32000, 16, 8, false, 218'399'744, 218'399'744},
      {"minimind-MoE", 640, 8, 32000, 16, 8, true, 163'052'160, 109'968'000},
      {"minimind-v1", 768, 16, 6400, 16, 8, false, 108'749'568, 108'749'568},
      {"minimind-v1-moe", 512, 8, 6400, 16, 8, true, 96'100'864, 61'497'856},
      {"MiniMind2-Small", 512, 8, 6400, 8, 2, false, 25'829'888, 25'829'888},
      {"MiniMind2", 768, 16, 6400, 8, 2, false, 104'030'976, 104'030'976},
      {"MiniMind2-MoE", 640, 8, 6400, 8, 2, true, 145'029'760, 91'945'600},
      {"minimind-3", 768, 8, 6400, 8, 4, false, 63'912'192, 63'912'192},
      {"minimind-3-moe", 768, 8, 6400, 8, 4, true, 198'416'640, 63'936'768},
  };
  for (const Published& row : table) {
    const ParameterCount count = count_parameters(config_of(row));
    EXPECT_EQ(count.total, row.total) << row.name;
    EXPECT_EQ(count.active, row.active) << row.name;
  }
}

TEST(CountParameters, CountsAnUntiedHeadAsWell) {
  ModelConfig config = resolved(small_config("dense"));
  const int64_t tied = count_parameters(config).total;
  config.tie_word_embeddings = false;
  EXPECT_EQ(count_parameters(config).total, tied + 50 * 32);
}

TEST(CountParameters, TakesIdleExpertsFromRoutedLayersAlone) {
  const ModelConfig config = resolved(small_dense_first_config());
  const int64_t attention = 32 * 64 + 32 * 32 + 2 * 32, expert = 3 * 32 * 40;
  const ParameterCount count = count_parameters(config);
  EXPECT_EQ(count.total, 50 * 32 + 32 + 3 * attention + 3 * 32 * 24 + 2 * (4 * expert + 4 * 32));
  EXPECT_EQ(count.active, count.total - 2 * 2 * expert);
  EXPECT_EQ(flops_per_token(config, 100), 6.0 * static_cast<double>(count.active - 7 * 32) + 6.0 * 3 * 32 * 100);
}

TEST(FlopsPerToken, AreSixPerMultipliedParameterAndSixPerAttendedFeature) {
  // Width 32, heads of 8: q 32, k and v 16 each; feed-forward 40; two layers; head 50.
  const double multiplied = 2.0 * (32 * 64 + 32 * 32 + 3 * 32 * 40) + 50 * 32;
  const double attention = 2.0 * 32 * 100;
  ModelConfig config = small_config("dense");
  EXPECT_EQ(flops_per_token(resolved(config), 100), 6 * multiplied + 6 * attention);
  config.tie_word_embeddings = false;
  config.qk_norm = true;
  EXPECT_EQ(flops_per_token(resolved(config), 100), 6 * multiplied + 6 * attention);
  config.model_type = "moe";  // top-2 of experts as wide as the dense feed-forward, and the router
  EXPECT_EQ(flops_per_token(resolved(config), 100), 6 * (multiplied + 2.0 * (3 * 32 * 40 + 4 * 32)) + 6 * attention);
}

}  // namespace
}  // namespace mm
