// A config.json of another program as a config of ours: by itself, or pasted as its model section.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/files/files.h"
#include "model/parameters/count.h"
#include "recipe/run_config.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

using Json = nlohmann::json;

struct Loaded {
  RunConfig config;
  std::vector<std::string> notes;
};

/// `json` as the file config.json; messages name it so.
Loaded load(const Json& json, const std::vector<std::string>& overrides = {}) {
  const TempFolder folder;
  const std::string path = folder / "config.json";
  write_file_atomic(path, json.dump());
  Loaded loaded;
  loaded.config = load_run_config(path, overrides, loaded.notes);
  for (std::string& note : loaded.notes) {
    const size_t at = note.find(folder.path() + "/");
    if (at != std::string::npos) note.erase(at, folder.path().size() + 1);
  }
  return loaded;
}

/// The whole message, without the folder.
std::string refusal(const Json& json, const std::vector<std::string>& overrides = {}) {
  const TempFolder folder;
  const std::string path = folder / "config.json";
  write_file_atomic(path, json.dump());
  std::vector<std::string> notes;
  Thrown error = thrown_by([&] { load_run_config(path, overrides, notes); });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  for (size_t at; (at = error.message.find(folder.path() + "/")) != std::string::npos;) {
    error.message.erase(at, folder.path().size() + 1);
  }
  return error.message;
}

// Published config.json files, all of their keys.
const Json kQwen3Moe30B = Json::parse(R"({
  "architectures": ["Qwen3MoeForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643,
  "decoder_sparse_step": 1, "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 2048,
  "initializer_range": 0.02, "intermediate_size": 6144, "max_position_embeddings": 40960, "max_window_layers": 48,
  "mlp_only_layers": [], "model_type": "qwen3_moe", "moe_intermediate_size": 768, "norm_topk_prob": true,
  "num_attention_heads": 32, "num_experts": 128, "num_experts_per_tok": 8, "num_hidden_layers": 48,
  "num_key_value_heads": 4, "output_router_logits": false, "rms_norm_eps": 1e-06, "rope_scaling": null,
  "rope_theta": 1000000.0, "router_aux_loss_coef": 0.001, "sliding_window": null, "tie_word_embeddings": false,
  "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false,
  "vocab_size": 151936})");
const Json kQwen3Dense = Json::parse(R"({
  "architectures": ["Qwen3ForCausalLM"], "attention_bias": false, "attention_dropout": 0.0, "bos_token_id": 151643,
  "eos_token_id": 151645, "head_dim": 128, "hidden_act": "silu", "hidden_size": 1024, "initializer_range": 0.02,
  "intermediate_size": 3072, "max_position_embeddings": 40960, "max_window_layers": 28, "model_type": "qwen3",
  "num_attention_heads": 16, "num_hidden_layers": 28, "num_key_value_heads": 8, "rms_norm_eps": 1e-06,
  "rope_scaling": null, "rope_theta": 1000000, "sliding_window": null, "tie_word_embeddings": true,
  "torch_dtype": "bfloat16", "transformers_version": "4.51.0", "use_cache": true, "use_sliding_window": false,
  "vocab_size": 151936})");
const Json kQwen2Moe = Json::parse(R"({
  "architectures": ["Qwen2MoeForCausalLM"], "attention_dropout": 0.0, "bos_token_id": 151643, "eos_token_id": 151643,
  "hidden_act": "silu", "hidden_size": 2048, "initializer_range": 0.02, "intermediate_size": 5632,
  "max_position_embeddings": 8192, "max_window_layers": 21, "model_type": "qwen2_moe", "num_attention_heads": 16,
  "num_hidden_layers": 24, "num_key_value_heads": 16, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0,
  "sliding_window": 32768, "tie_word_embeddings": false, "torch_dtype": "bfloat16", "transformers_version": "4.39.0",
  "use_cache": true, "use_sliding_window": false, "vocab_size": 151936, "decoder_sparse_step": 1,
  "moe_intermediate_size": 1408, "shared_expert_intermediate_size": 5632, "num_experts_per_tok": 4, "num_experts": 60,
  "norm_topk_prob": false, "output_router_logits": false, "router_aux_loss_coef": 0.001})");
const Json kMiniMind3 = Json::parse(R"({
  "architectures": ["MiniMindForCausalLM"], "model_type": "minimind", "hidden_size": 768, "num_hidden_layers": 8,
  "use_moe": false, "dropout": 0.0, "vocab_size": 6400, "bos_token_id": 1, "eos_token_id": 2, "flash_attn": true,
  "num_attention_heads": 8, "num_key_value_heads": 4, "head_dim": 96, "hidden_act": "silu", "intermediate_size": 2432,
  "max_position_embeddings": 32768, "rms_norm_eps": 1e-06, "rope_theta": 1000000.0, "inference_rope_scaling": false,
  "rope_scaling": null, "num_experts": 4, "num_experts_per_tok": 1, "moe_intermediate_size": 2432,
  "norm_topk_prob": true, "router_aux_loss_coef": 0.0005, "torch_dtype": "float16",
  "transformers_version": "4.57.6"})");
const Json kLlama = Json::parse(R"({
  "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_act": "silu", "hidden_size": 64,
  "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100})");

Json with(Json json, const Json& changes) {
  json.update(changes);
  return json;
}

TEST(PastedConfig, HasTheParametersOfThePublishedModel) {
  const auto total = [](const Json& json) { return count_parameters(load(json).config.model).total; };
  EXPECT_EQ(total(kQwen3Moe30B), 30'532'122'624);
  EXPECT_EQ(total(kQwen3Dense), 596'049'920);
  EXPECT_EQ(total(kMiniMind3), 63'912'192);
  EXPECT_EQ(total(with(kMiniMind3, {{"use_moe", true}})), 198'416'640);
  // A section of a config of ours is the same.
  EXPECT_EQ(total({{"model", kQwen3Moe30B}, {"train", {{"steps", 5}}}}), 30'532'122'624);
  EXPECT_EQ(total({{"model", kMiniMind3}}), 63'912'192);
}

TEST(PastedConfig, WhatItsFamilyImpliesIsSet) {
  const ModelConfig moe = load(kQwen3Moe30B).config.model;
  EXPECT_TRUE(moe.is_moe() && moe.qk_norm && moe.moe.normalises_weights());
  EXPECT_EQ(moe.norm_rounding, "before_weight");
  const ModelConfig minimind = load(kMiniMind3).config.model;
  EXPECT_TRUE(minimind.qk_norm && !minimind.is_moe() && !minimind.ffn_dropout);
  EXPECT_EQ(minimind.norm_rounding, "after_weight");
  const ModelConfig glm = load({{"model_type", "glm4_moe"},
                                {"partial_rotary_factor", 1.0},
                                {"first_k_dense_replace", 0},
                                {"use_qk_norm", true},
                                {"n_routed_experts", 8},
                                {"n_shared_experts", 1},
                                {"num_experts_per_tok", 2}})
                              .config.model;
  EXPECT_TRUE(glm.qk_norm && glm.moe.has_router_bias());
  EXPECT_EQ(glm.moe.scoring_func, "sigmoid");
  EXPECT_EQ(glm.moe.n_shared_experts, 1);
  EXPECT_EQ(glm.moe.num_experts, 8);
  // The class begins with a dense layer unless it is told otherwise; Qwen's classes name such layers.
  const ModelConfig dense_first = load({{"model_type", "glm4_moe"},
                                        {"partial_rotary_factor", 1.0},
                                        {"n_routed_experts", 8},
                                        {"intermediate_size", 1024},
                                        {"moe_intermediate_size", 128},
                                        {"num_hidden_layers", 4}})
                                      .config.model;
  EXPECT_EQ(dense_first.moe.first_k_dense_replace, 1);
  EXPECT_EQ(load(with(kQwen3Moe30B, {{"mlp_only_layers", {1, 0}}})).config.model.moe.first_k_dense_replace, 2);
  EXPECT_EQ(load({{"model_type", "moe"}, {"intermediate_size", 512}, {"mlp_only_layers", {0}}})
                .config.model.moe.first_k_dense_replace,
            1);
  // A key that is left out has the value of its class, here as many key/value heads as heads, and eps of 1e-6.
  const ModelConfig llama = load(kLlama).config.model;
  EXPECT_EQ(llama.num_key_value_heads, 4);
  EXPECT_EQ(llama.rms_norm_eps, 1e-6);
  EXPECT_EQ(llama.rope_theta, 1e4);
  EXPECT_FALSE(llama.tie_word_embeddings);
}

TEST(PastedConfig, MiniMindsOlderConfigsAreThoseOfTheirGeneration) {
  const ModelConfig g2 = load({{"model_type", "minimind"},
                               {"dim", 512},
                               {"n_layers", 8},
                               {"n_heads", 8},
                               {"n_kv_heads", 2},
                               {"vocab_size", 6400},
                               {"hidden_dim", nullptr},
                               {"multiple_of", 64},
                               {"norm_eps", 1e-5},
                               {"max_seq_len", 512},
                               {"rope_theta", 1000000},
                               {"dropout", 0.0},
                               {"use_moe", true},
                               {"num_experts_per_tok", 2},
                               {"n_routed_experts", 4},
                               {"n_shared_experts", true},
                               {"scoring_func", "softmax"},
                               {"aux_loss_alpha", 0.1},
                               {"seq_aux", true},
                               {"norm_topk_prob", true}})
                             .config.model;
  EXPECT_EQ(g2.rope_layout, "interleaved");
  EXPECT_EQ(g2.moe.aux_loss, "sequence");
  const ModelConfig g3 =
      load({{"model_type", "minimind"}, {"hidden_size", 512}, {"use_moe", false}, {"n_routed_experts", 4}})
          .config.model;
  EXPECT_EQ(g3.rope_layout, "half_split");
  EXPECT_FALSE(g3.qk_norm);
}

TEST(PastedConfig, AnythingSaidWinsOverWhatTheFamilyImplies) {
  EXPECT_EQ(load(kLlama, {"model.rms_norm_eps=1e-3"}).config.model.rms_norm_eps, 1e-3);
  EXPECT_EQ(load(with(kLlama, {{"qk_norm", true}})).config.model.qk_norm, true);
  const ModelConfig model = load({{"model", {{"rope_theta", 5e4}}}}, {"model.model_type=qwen3"}).config.model;
  EXPECT_EQ(model.rope_theta, 5e4);
  EXPECT_TRUE(model.qk_norm);
}

TEST(PastedConfig, WhatWeCannotComputeIsRefusedWhereverItStands) {
  EXPECT_EQ(refusal(with(kLlama, {{"hidden_act", "gelu"}})),
            "config.json:hidden_act: got \"gelu\", want \"silu\" (the feed-forward is SwiGLU)");
  EXPECT_EQ(refusal({{"model", with(kLlama, {{"attention_bias", true}})}}),
            "config.json:model.attention_bias: got true, want false (there are no biases)");
  // No family is named here.
  EXPECT_EQ(refusal({{"model", {{"mlp_only_layers", {1, 0, 3}}}}}),
            "config.json:model.mlp_only_layers: got [1, 0, 3], want [] or [0, 1, ...] (layers without experts come "
            "before all others)");
  EXPECT_EQ(refusal({{"model", {{"model_type", "moe"}, {"intermediate_size", 512}, {"mlp_only_layers", {0}}}}},
                    {"model.first_k_dense_replace=2"}),
            "config.json:model.mlp_only_layers: got [0] beside first_k_dense_replace 2, want one of them (both say how "
            "many layers have no experts)");
  EXPECT_EQ(refusal({{"model", {{"sliding_window", 4096}}}}),
            "config.json:model.sliding_window: got 4096, want null (attention sees all earlier tokens)");
  EXPECT_EQ(refusal(with(kLlama, {{"rope_scaling", {{"rope_type", "llama3"}, {"factor", 8.0}}}})),
            "config.json:rope_scaling.rope_type: got \"llama3\", want \"default\" or \"yarn\" (other ways to scale "
            "positions are "
            "not computed)");
  EXPECT_EQ(refusal(Json::object(), {"model.hidden_act=relu"}),
            "--set:model.hidden_act: got \"relu\", want \"silu\" (the feed-forward is SwiGLU)");
  EXPECT_EQ(refusal({{"model_type", "mixtral"}}),
            "config.json:model_type: got \"mixtral\", want one of dense, moe, llama, qwen3, qwen2_moe, qwen3_moe, "
            "qwen3_next, glm4_moe, minimind (other models compute what this program does not)");
}

TEST(PastedConfig, WhatItsClassDoesUnaskedIsRefusedToo) {
  EXPECT_EQ(refusal(kQwen2Moe),
            "config.json:model_type: got qwen2_moe, whose `qkv_bias` is true, want qkv_bias false (there are no "
            "biases)");
  const ModelConfig model = load(with(kQwen2Moe, {{"qkv_bias", false}})).config.model;
  EXPECT_EQ(count_parameters(model).total, 14'315'784'192 - 24 * 3 * 2048);
  EXPECT_FALSE(model.moe.normalises_weights());
  EXPECT_TRUE(model.moe.shared_expert_gate);
  const std::string next = refusal({{"model_type", "qwen3_next"}});
  EXPECT_NE(next.find("whose `partial_rotary_factor` is 0.25"), std::string::npos) << next;
  EXPECT_NE(next.find("whose `full_attention_interval` is 4"), std::string::npos) << next;
}

TEST(PastedConfig, TheGateThatOursLacksIsSaid) {
  const Loaded loaded = load({{"model_type", "qwen3_next"},
                              {"vocab_size", 320},
                              {"hidden_size", 64},
                              {"num_hidden_layers", 2},
                              {"num_attention_heads", 4},
                              {"num_key_value_heads", 2},
                              {"head_dim", 16},
                              {"num_experts", 4},
                              {"num_experts_per_tok", 2},
                              {"moe_intermediate_size", 64},
                              {"shared_expert_intermediate_size", 64},
                              {"partial_rotary_factor", 1.0},
                              {"layer_types", {"full_attention", "full_attention"}}});
  EXPECT_EQ(loaded.notes,
            std::vector<std::string>{"config.json:model_type: qwen3_next without the gate of its attention, which ours "
                                     "lacks: an export has one that does nothing"});
}

TEST(PastedConfig, KeysWithoutMeaningAreNotedAndNeutralOnesPassedOver) {
  EXPECT_EQ(load(kQwen3Dense).notes,
            (std::vector<std::string>{
                "config.json: ignored `architectures`, `bos_token_id`, `eos_token_id`, `max_position_embeddings`, "
                "`max_window_layers`, `torch_dtype`, `transformers_version`, `use_cache`: other tools' keys with no "
                "meaning here"}));
  EXPECT_EQ(load(with(kLlama, {{"zz_new_thing", 1}, {"architectures", nullptr}})).notes,
            (std::vector<std::string>{"config.json: passed over zz_new_thing, which is not known here"}));
  EXPECT_NE(refusal(with(kLlama, {{"hiden_size", 64}})).find("did you mean `hidden_size`?"), std::string::npos);
}

TEST(PastedConfig, SizesThatItLeavesOutAreSaid) {
  EXPECT_EQ(load({{"model",
                   {{"model_type", "qwen3"},
                    {"hidden_size", 64},
                    {"vocab_size", 100},
                    {"num_attention_heads", 4},
                    {"num_key_value_heads", 2},
                    {"intermediate_size", 64}}}})
                .notes,
            (std::vector<std::string>{"config.json:model.model_type: qwen3 without num_hidden_layers: the defaults of "
                                      "this program are taken"}));
}

}  // namespace
}  // namespace mm
