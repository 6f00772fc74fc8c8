// config.json of other programs: read into our settings, written so that both sides compute the same.
#include "interchange/config/foreign_config.h"

#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files/files.h"
#include "interchange/config/model_settings.h"
#include "interchange/huggingface_class.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

std::string golden_config(const std::string& name) {
  return read_file(MM_GOLDEN_DATA "/hf/" + name + "/config.json", ExitCode::kCheckpoint);
}

std::vector<std::string> read(const std::string& text) {
  std::vector<std::string> notes;
  return read_foreign_config(text, "config.json", notes);
}

ModelConfig model_of(const std::string& text) {
  ModelConfig model = with_settings({}, read(text));
  Problems problems;
  resolve_model(model, "test", problems);
  problems.throw_if_any();
  return model;
}

TEST(ForeignConfig, WhatWeWriteSaysWhatTheReferenceConfigSays) {
  for (const char* name : {"g3a_dense_dict_fp16", "g4b_dense_dict_fp16", "g4b_moe_dict_fp16"}) {
    const ModelConfig model = [&] {
      ModelConfig read = model_of(golden_config(name));
      read.qk_norm = std::string(name).starts_with("g4");
      return read;
    }();
    const auto want = nlohmann::json::parse(golden_config(name));
    const auto got =
        nlohmann::json::parse(write_huggingface_config(model, huggingface_class(model).form, "float32", {}, 32768));
    for (const auto& [key, value] : want.items()) {
      if (key == "sliding_window") continue;
      EXPECT_EQ(got.value(key, nlohmann::json()), value) << name << ": " << key;
    }
  }
}

TEST(ForeignConfig, WhatWeWriteOfEveryClassIsReadBackAsTheSameModel) {
  const auto settings = [](const std::vector<std::string>& changes) {
    std::vector<std::string> all = {"model.model_type=moe", "model.hidden_size=64", "model.num_attention_heads=4",
                                    "model.moe_intermediate_size=32"};
    all.insert(all.end(), changes.begin(), changes.end());
    ModelConfig model = with_settings({}, all);
    Problems problems;
    resolve_model(model, "test", problems);
    problems.throw_if_any();
    return model;
  };
  for (const std::vector<std::string>& changes : std::vector<std::vector<std::string>>{
           {"model.n_shared_experts=1"},
           {"model.n_shared_experts=1", "model.qk_norm=true", "model.norm_topk_prob=false"},
           {"model.num_experts_per_tok=1", "model.norm_top1_prob=true"},
           {"model.n_shared_experts=1", "model.first_k_dense_replace=2", "model.intermediate_size=512"},
           {"model.scoring_func=sigmoid", "model.first_k_dense_replace=1", "model.intermediate_size=512"},
           {"model.scoring_func=sigmoid", "model.n_group=2", "model.topk_group=1",
            "model.routed_scaling_factor=2.5"}}) {
    const ModelConfig model = settings(changes);
    const ModelConfig read =
        model_of(write_huggingface_config(model, huggingface_class(model).form, "float32", {}, 256));
    EXPECT_EQ(read.moe.num_experts, model.moe.num_experts);
    EXPECT_EQ(read.moe.scoring_func, model.moe.scoring_func);
    EXPECT_EQ(read.moe.normalises_weights(), model.moe.normalises_weights());
    EXPECT_EQ(read.moe.limits_groups(), model.moe.limits_groups());
    EXPECT_EQ(read.moe.routed_scaling_factor, model.moe.routed_scaling_factor);
    EXPECT_EQ(read.moe.first_k_dense_replace, model.moe.first_k_dense_replace);
    EXPECT_EQ(read.intermediate_size, model.intermediate_size);
    EXPECT_EQ(read.rms_norm_eps, model.rms_norm_eps);
  }
}

TEST(ForeignConfig, PartsOfAClassThatOursLackAreRefusedByName) {
  const auto refusal = [](const char* type, const char* key, const nlohmann::json& value) {
    nlohmann::json json = {{"model_type", type}, {"partial_rotary_factor", 1.0}};
    json[key] = value;
    const Thrown error = thrown_by([&] { read(json.dump()); });
    EXPECT_EQ(error.code, ExitCode::kCheckpoint);
    return error.message.substr(0, error.message.find(": "));
  };
  EXPECT_EQ(refusal("glm4_moe", "partial_rotary_factor", 0.5), "config.json:partial_rotary_factor");
  EXPECT_EQ(refusal("qwen3_next", "layer_types", {"linear_attention", "full_attention"}), "config.json:layer_types");
}

TEST(ForeignConfig, RopeThetaIsFoundWhereTransformers4And5WriteIt) {
  auto json = nlohmann::json::parse(golden_config("g4b_dense_dict_fp16"));
  json["rope_theta"] = 5e5;
  EXPECT_EQ(model_of(json.dump()).rope_theta, 5e5);
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 3e5}};
  EXPECT_EQ(model_of(json.dump()).rope_theta, 3e5);
}

TEST(ForeignConfig, YarnIsReadAsTransformersAndMiniMindWriteIt) {
  const auto scaling = [](const nlohmann::json& changes) {
    auto json = nlohmann::json::parse(golden_config("g4b_dense_dict_fp16"));
    json.update(changes);
    return model_of(json.dump()).rope_scaling;
  };
  EXPECT_FALSE(scaling({{"rope_scaling", nullptr}}).is_yarn());
  const RopeScalingConfig four = scaling({{"rope_scaling", {{"type", "yarn"}, {"factor", 4.0}}}});
  EXPECT_TRUE(four.is_yarn());
  EXPECT_EQ(four.factor, 4);
  EXPECT_NEAR(*four.attention_factor, 0.1 * std::log(4.0) + 1, 1e-12);
  const RopeScalingConfig five = scaling({{"rope_theta", nullptr},
                                          {"rope_parameters",
                                           {{"rope_type", "yarn"},
                                            {"rope_theta", 1e6},
                                            {"factor", 2.0},
                                            {"beta_slow", nullptr},
                                            {"original_max_position_embeddings", 512}}}});
  EXPECT_EQ(five.original_max_position_embeddings, 512);
  const RopeScalingConfig minimind =
      scaling({{"model_type", "minimind"}, {"inference_rope_scaling", true}, {"rope_scaling", nullptr}});
  EXPECT_TRUE(minimind.is_yarn());
  EXPECT_EQ(minimind.factor, 16);
  EXPECT_EQ(minimind.attention_factor, 1.0);
  EXPECT_FALSE(scaling({{"inference_rope_scaling", true}, {"max_position_embeddings", 2048}}).is_yarn())
      << "MiniMind scales nothing up to the length that was trained";
}

TEST(ForeignConfig, WhatWouldChangeTheMathematicsIsRefusedByName) {
  const auto refusal = [](const std::string& key, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(golden_config("g4b_moe_dict_fp16"));
    json[key] = value;
    const Thrown error = thrown_by([&] { read(json.dump()); });
    EXPECT_EQ(error.code, ExitCode::kCheckpoint);
    return error.message.substr(0, error.message.find(": "));
  };
  EXPECT_EQ(refusal("model_type", "gpt2"), "config.json:model_type");
  EXPECT_EQ(refusal("hidden_act", "gelu"), "config.json:hidden_act");
  EXPECT_EQ(refusal("attention_bias", true), "config.json:attention_bias");
  EXPECT_EQ(refusal("rope_scaling", {{"rope_type", "linear"}, {"factor", 4}}), "config.json:rope_scaling.rope_type");
  EXPECT_EQ(refusal("rope_scaling", {{"type", "yarn"}, {"truncate", false}}), "config.json:rope_scaling.truncate");
  EXPECT_EQ(refusal("rope_parameters", {{"rope_type", "yarn"}, {"mscale", 1.0}}), "config.json:rope_parameters.mscale");
  EXPECT_EQ(refusal("mlp_only_layers", {1}), "config.json:mlp_only_layers");
  EXPECT_EQ(refusal("mlp_only_layers", {0, 2}), "config.json:mlp_only_layers");
  EXPECT_EQ(refusal("decoder_sparse_step", 2), "config.json:decoder_sparse_step");
  EXPECT_EQ(refusal("use_sliding_window", true), "config.json:use_sliding_window");
}

}  // namespace
}  // namespace mm
