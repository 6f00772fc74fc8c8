// What shapes say, what they leave open, and what contradicts them.
#include "interchange/recognize.h"

#include <gtest/gtest.h>

#include "interchange/file_model.h"
#include "interchange/state_dict.h"
#include "interchange/tensors/key_names.h"
#include "model/parameters/parameter_layout.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

ModelConfig resolved(ModelConfig model) {
  Problems problems;
  resolve_model(model, "test", problems);
  problems.throw_if_any();
  return model;
}

std::vector<NamedShape> shapes_of(const ModelConfig& model) {
  std::vector<NamedShape> shapes;
  for (const NamedSlice& slice : parameter_layout(model).named) shapes.push_back({slice.name, slice.shape});
  return shapes;
}

FileModel file_of(const char* generation, bool moe, const std::vector<std::string>& settings = {}) {
  const Generation& row = find_generation(generation, "test");
  const std::vector<NamedShape> shapes = shapes_of(resolved(generation_model(row, moe)));
  const Recognized recognized = recognize(shapes, row.names == KeyNames::kMiniMind, nullptr, "weights.pth");
  return describe_file_model("weights.pth", recognized, settings.empty() ? "" : "config.json", settings);
}

TEST(Recognize, EveryGenerationsStandardModelIsRecognisedWithItsHeadsAndConstants) {
  for (const char* name : {"g1", "g2", "g3c", "g4"}) {
    for (const bool moe : {false, true}) {
      const FileModel file = file_of(name, moe);
      EXPECT_EQ(file.recognized.generation->name, name);
      ModelConfig want = resolved(generation_model(find_generation(name, "test"), moe)), got = file.model;
      const auto text = [](ModelConfig& model) { return write_config([&](Fields& fields) { model.visit(fields); }); };
      EXPECT_EQ(text(got), text(want)) << name;
    }
  }
}

TEST(Recognize, ARouterWithAHiddenLayerAndGatedSharedExpertsAreReadOffTheShapes) {
  ModelConfig model = generation_model(find_generation("g3c", "test"), true);
  model.moe.router_hidden_size = 24;
  model.moe.shared_expert_intermediate_size = 64;
  model.moe.shared_expert_gate = true;
  model = resolved(model);
  const Recognized recognized = recognize(shapes_of(model), false, nullptr, "weights.safetensors");
  const MoeConfig moe = describe_file_model("weights.safetensors", recognized, "", {}).model.moe;
  EXPECT_EQ(moe.num_experts, 4);
  EXPECT_EQ(moe.router_hidden_size, 24);
  EXPECT_EQ(moe.shared_expert_intermediate_size, 64);
  EXPECT_TRUE(moe.shared_expert_gate);
  EXPECT_EQ(moe.balance, "none");
  const Generation& g3c = find_generation("g3c", "test");
  EXPECT_EQ(misfit(g3c, model), "it has no hidden layer in the router (model.router_hidden_size)");
  model.moe.router_hidden_size = 0;
  EXPECT_EQ(misfit(g3c, model), "it has no gate on shared experts (model.shared_expert_gate)");
  model.moe.balance = "quantile";
  EXPECT_EQ(misfit(g3c, model), "it has no bias on router scores (model.balance)");
}

TEST(Recognize, DenseLayersBeforeTheFirstRouterAreReadOffTheShapes) {
  ModelConfig model = generation_model(find_generation("g4", "test"), true);
  model.moe.first_k_dense_replace = 3;
  model.intermediate_size = 320;
  model.moe.moe_intermediate_size = 64;
  model = resolved(model);
  const Recognized recognized = recognize(shapes_of(model), false, nullptr, "weights.safetensors");
  const FileModel file = describe_file_model("weights.safetensors", recognized, "", {});
  EXPECT_TRUE(file.model.is_moe());
  EXPECT_EQ(file.model.moe.first_k_dense_replace, 3);
  EXPECT_EQ(file.model.intermediate_size, 320);
  EXPECT_EQ(file.model.moe.moe_intermediate_size, 64);
  EXPECT_EQ(misfit(find_generation("g4", "test"), model),
            "it has no dense layers before the routed ones (model.first_k_dense_replace)");
  const Thrown error = thrown_by([&] { model_with_flags(file, {"model.first_k_dense_replace=0"}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_TRUE(error.message.starts_with("weights.safetensors:model.first_k_dense_replace: got 0 in --set, want 3"))
      << error.message;
}

TEST(Recognize, AHeadCountGivenByTheUserBringsTheOtherHeadNumbersAlong) {
  const ModelConfig model = model_with_flags(file_of("g3c", false), {"model.num_attention_heads=16"});
  EXPECT_EQ(model.num_key_value_heads, 4);
  EXPECT_EQ(*model.head_dim, 32);
}

TEST(Recognize, ConstantsThatTheUserGivesChooseAmongGenerationsWhoseFilesLookAlike) {
  const auto meant = [](const char* file, const std::vector<std::string>& flags) {
    return std::string(generation_of_flags(file_of(file, true), flags).name);
  };
  EXPECT_EQ(meant("g1", {}), "g1");
  EXPECT_EQ(meant("g1", {"model.rope_theta=1e6"}), "g2");
  EXPECT_EQ(meant("g1", {"model.rope_theta=5e5"}), "g1") << "no generation has it";
  EXPECT_EQ(meant("g3c", {"model.router_aux_loss_coef=0.1"}), "g3a");
  EXPECT_EQ(meant("g4", {"model.router_aux_loss_coef=0.1"}), "g4");
  EXPECT_EQ(meant("g4", {"model.norm_top1_prob=false"}), "g4c");
}

TEST(Recognize, OneLineSaysWhichWeightOfASingleExpertIsAssumedUntilSomebodyChooses) {
  const FileModel file = file_of("g4", true);
  EXPECT_EQ(top1_assumption(file, file.model, {}, "--generation"),
            "weights.pth: got one expert per token and nothing that says its weight, want --generation g4 or g4c "
            "(taken for g4, where the weight is 1; a file trained by MiniMind since 2026-09-17 keeps the raw "
            "probability: --generation g4c)");
  EXPECT_EQ(top1_assumption(file, file.model, {"model.norm_top1_prob=true"}, "--generation"), "");
  const FileModel dense = file_of("g4", false), two_shared = file_of("g3c", true);
  EXPECT_EQ(top1_assumption(dense, dense.model, {}, "--generation"), "");
  EXPECT_EQ(top1_assumption(two_shared, two_shared.model, {}, "--generation"), "");
  const FileModel described = file_of("g4", true, {"model.norm_top1_prob=true"});
  EXPECT_EQ(top1_assumption(described, described.model, {}, "--generation"), "");
}

TEST(Recognize, TheTwoForwardPassesOfMiniMind3AreTwoGenerations) {
  const Generation& g4c = find_generation("g4c", "test");
  const ModelConfig old = resolved(generation_model(find_generation("g4", "test"), true));
  const ModelConfig raw = resolved(generation_model(g4c, true));
  EXPECT_EQ(fitting_generation(old), "g4");
  EXPECT_EQ(fitting_generation(raw), "g4c");
  EXPECT_EQ(constants_to_tell(raw, g4c), "");
  EXPECT_EQ(constants_to_tell(raw, find_generation("g4", "test")), "norm_top1_prob=false");
}

TEST(Recognize, ASettingAgainstTheShapesIsRefusedWithTheValuesOfFileConfigAndFlags) {
  const FileModel file = file_of("g4", false, {"model.rms_norm_eps=1e-05"});
  const Thrown error = thrown_by([&] { model_with_flags(file, {"model.hidden_size=512"}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message.substr(0, error.message.find('\n')),
            "weights.pth:model.hidden_size: got 768 in config.json, 512 in --set, want 768, as the tensors of the file "
            "say (leave the setting out, or use the config that the weights were trained with)");
}

TEST(Recognize, HeadsThatDoNotMakeTheRowsAreRefused) {
  const Thrown error = thrown_by([] { model_with_flags(file_of("g3c", false), {"model.num_key_value_heads=4"}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_NE(error.message.find("model.num_key_value_heads: got 4 heads of 64, want heads that make 128 rows"),
            std::string::npos)
      << error.message;
}

TEST(Recognize, AConfigWithAnotherThetaThanTheGenerationNeedsAFlagThatInsists) {
  const FileModel file = file_of("g1", false);
  ModelConfig config = file.model;
  config.rope_theta = 1e6;
  const Thrown error = thrown_by([&] { check_against_file(file, "run.json", config, {}, config); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message,
            "weights.pth:model.rope_theta: got 1000000.0 in run.json, want 10000.0, which MiniMind v1, to 2025-02 has "
            "(leave it out of the config, name the generation with init.generation, or insist with --set "
            "model.rope_theta=1000000.0)");
  EXPECT_NO_THROW(check_against_file(file, "run.json", config, {"model.rope_theta=1e6"}, config));
}

TEST(Recognize, WhatIsNoLanguageModelIsRefusedByTheTensorItLacks) {
  const std::vector<NamedShape> shapes = {{"conv1.weight", {64, 3, 7, 7}}};
  const Thrown error = thrown_by([&] { recognize(shapes, false, nullptr, "resnet.pth"); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message,
            "resnet.pth: got no tensor model.embed_tokens.weight among its 1, want the weights of a MiniMind, Llama, "
            "Qwen3 or Qwen3-MoE language model (it has conv1.weight, for example)");
}

TEST(Recognize, AnUnknownGenerationListsTheKnownOnes) {
  const Thrown error = thrown_by([] { find_generation("g5", "--generation"); });
  EXPECT_EQ(error.code, ExitCode::kConfig);
  EXPECT_EQ(error.message, "--generation: got \"g5\", want one of g0, g1, g2, g3a, g3b, g3, g3c, g4, g4c");
}

}  // namespace
}  // namespace mm
