// config.json of Hugging Face: read into our settings, written so that both sides compute the same.
#include "interchange/huggingface_config.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "core/files.h"
#include "interchange/model_settings.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

std::string golden_config(const std::string& name) {
  return read_file(MM_GOLDEN_DATA "/hf/" + name + "/config.json", ExitCode::kCheckpoint);
}

ModelConfig model_of(const std::string& text) {
  ModelConfig model = with_settings({}, read_huggingface_config(text, "config.json"));
  Problems problems;
  resolve_model(model, "test", problems);
  problems.throw_if_any();
  return model;
}

TEST(HuggingFaceConfig, WhatWeWriteSaysWhatTheReferenceConfigSays) {
  for (const char* name : {"g3a_dense_dict_fp16", "g4b_dense_dict_fp16", "g4b_moe_dict_fp16"}) {
    const ModelConfig model = [&] {
      ModelConfig read = model_of(golden_config(name));
      read.qk_norm = std::string(name).starts_with("g4");
      return read;
    }();
    const auto want = nlohmann::json::parse(golden_config(name));
    const auto got =
        nlohmann::json::parse(write_huggingface_config(model, huggingface_architecture(model, "test"), "float32", {}));
    for (const auto& [key, value] : want.items()) {
      if (key == "sliding_window") continue;
      EXPECT_EQ(got.value(key, nlohmann::json()), value) << name << ": " << key;
    }
  }
}

TEST(HuggingFaceConfig, RopeThetaIsFoundWhereTransformers4And5WriteIt) {
  auto json = nlohmann::json::parse(golden_config("g4b_dense_dict_fp16"));
  json["rope_theta"] = 5e5;
  EXPECT_EQ(model_of(json.dump()).rope_theta, 5e5);
  json.erase("rope_theta");
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", 3e5}};
  EXPECT_EQ(model_of(json.dump()).rope_theta, 3e5);
}

TEST(HuggingFaceConfig, WhatWouldChangeTheMathematicsIsRefusedByName) {
  const auto refusal = [](const std::string& key, const nlohmann::json& value) {
    auto json = nlohmann::json::parse(golden_config("g4b_moe_dict_fp16"));
    json[key] = value;
    const Thrown error = thrown_by([&] { read_huggingface_config(json.dump(), "config.json"); });
    EXPECT_EQ(error.code, ExitCode::kCheckpoint);
    return error.message.substr(0, error.message.find(": "));
  };
  EXPECT_EQ(refusal("model_type", "gpt2"), "config.json:model_type");
  EXPECT_EQ(refusal("hidden_act", "gelu"), "config.json:hidden_act");
  EXPECT_EQ(refusal("attention_bias", true), "config.json:attention_bias");
  EXPECT_EQ(refusal("rope_scaling", {{"rope_type", "yarn"}, {"factor", 4}}), "config.json:rope_scaling.rope_type");
  EXPECT_EQ(refusal("mlp_only_layers", {0}), "config.json:mlp_only_layers");
  EXPECT_EQ(refusal("decoder_sparse_step", 2), "config.json:decoder_sparse_step");
  EXPECT_EQ(refusal("use_sliding_window", true), "config.json:use_sliding_window");
}

}  // namespace
}  // namespace mm
