// The two spellings of MiniMind's tensor names, and their order in files.
#include "interchange/tensors/key_names.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <fstream>

namespace mm {
namespace {

TEST(KeyNames, OldNamesBecomeHuggingFaceNamesAndBack) {
  const std::vector<std::pair<std::string, std::string>> pairs = {
      {"tok_embeddings.weight", "model.embed_tokens.weight"},
      {"layers.0.attention.wq.weight", "model.layers.0.self_attn.q_proj.weight"},
      {"layers.11.attention.wo.weight", "model.layers.11.self_attn.o_proj.weight"},
      {"layers.3.attention_norm.weight", "model.layers.3.input_layernorm.weight"},
      {"layers.3.ffn_norm.weight", "model.layers.3.post_attention_layernorm.weight"},
      {"layers.3.feed_forward.w1.weight", "model.layers.3.mlp.gate_proj.weight"},
      {"layers.3.feed_forward.w2.weight", "model.layers.3.mlp.down_proj.weight"},
      {"layers.3.feed_forward.w3.weight", "model.layers.3.mlp.up_proj.weight"},
      {"layers.3.feed_forward.gate.weight", "model.layers.3.mlp.gate.weight"},
      {"layers.3.feed_forward.experts.2.w1.weight", "model.layers.3.mlp.experts.2.gate_proj.weight"},
      {"layers.3.feed_forward.shared_experts.w3.weight", "model.layers.3.mlp.shared_experts.0.up_proj.weight"},
      {"norm.weight", "model.norm.weight"},
      {"output.weight", "lm_head.weight"},
  };
  for (const auto& [old_name, name] : pairs) {
    EXPECT_EQ(huggingface_name(old_name), name);
    EXPECT_EQ(minimind_name(name), old_name);
    EXPECT_EQ(huggingface_name(name), name) << "a Hugging Face name stays as it is";
  }
}

TEST(KeyNames, PrefixesOfCompiledAndDistributedModelsAreStrippedInAnyOrder) {
  EXPECT_EQ(without_prefixes("_orig_mod.module.model.norm.weight"), "model.norm.weight");
  EXPECT_EQ(without_prefixes("module._orig_mod.module.norm.weight"), "norm.weight");
  EXPECT_EQ(without_prefixes("model.norm.weight"), "model.norm.weight");
}

/// The keys of a file that Python wrote, in its order, as Hugging Face names without the head.
std::vector<std::string> keys_of(const std::string& name) {
  const auto numbers = nlohmann::json::parse(std::ifstream(MM_GOLDEN_DATA "/numbers/" + name + ".json"));
  std::vector<std::string> keys;
  for (const auto& tensor : numbers["tensors"]) {
    const std::string key = huggingface_name(tensor["name"].get<std::string>());
    if (key != "lm_head.weight") keys.push_back(key);
  }
  return keys;
}

TEST(KeyNames, TheOrderOfAStateDictIsThatOfPythonsFiles) {
  const auto order = [](const char* generation, bool moe) {
    const Generation& row = find_generation(generation, "test");
    ModelConfig model = generation_model(row, moe);
    model.num_hidden_layers = 2;
    return state_dict_order(row, model);
  };
  EXPECT_EQ(order("g1", false), keys_of("g1_dense_ordered_fp32"));
  EXPECT_EQ(order("g2", true), keys_of("g2_moe_ordered_fp32"));
  EXPECT_EQ(order("g3a", true), keys_of("g3a_moe_dict_fp16"));
  EXPECT_EQ(order("g4", false), keys_of("g4b_dense_dict_fp16"));
  EXPECT_EQ(order("g4", true), keys_of("g4b_moe_dict_fp16"));
}

}  // namespace
}  // namespace mm
