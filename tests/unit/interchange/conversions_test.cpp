// From every format to every other and back: no byte of a tensor changes, and neither do the logits.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <map>

#include "checkpoint/named_access.h"
#include "interchange/config/model_settings.h"
#include "interchange/export/export.h"
#include "interchange/huggingface_class.h"
#include "interchange/state_dict.h"
#include "interchange/tensors/rope_rows.h"
#include "interchange/weights.h"
#include "model/causal_lm.h"
#include "model/parameters/init.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

struct Opened {
  NamedTensors tensors;
  ModelConfig model;
};

Opened open(const std::string& path, const std::string& generation = "") {
  const Generation* given = generation.empty() ? nullptr : &find_generation(generation, "test");
  const Weights weights = open_weights(path, given, "--init");
  std::vector<std::string> flags;
  if (weights.file.settings_path.empty()) flags.push_back("model.num_attention_heads=4");
  const ModelConfig model = model_with_flags(weights.file, flags);
  return {checked_tensors(weights, model), model};
}

Opened open_golden(const std::string& name, const std::string& generation) {
  return open(MM_GOLDEN_DATA "/checkpoints/" + name + ".pth", generation);
}

/// Writes `from` as `format` below `folder` and opens that.
Opened through(const Opened& from, const std::string& format, const std::string& folder) {
  if (format == "hf") {
    write_huggingface_folder(folder + "/hf", from.tensors, from.model);
    return open(folder + "/hf");
  }
  if (format == "safetensors") {
    write_model_safetensors(folder + "/model.safetensors", from.tensors, from.model);
    return open(folder + "/model.safetensors");
  }
  write_generation_pth(folder + "/weights.pth", from.tensors, from.model, find_generation(format, "test"));
  return open(folder + "/weights.pth", format);
}

/// Which of the formats can hold the model.
std::vector<std::string> formats_for(const ModelConfig& model) {
  std::vector<std::string> formats = {"safetensors"};
  for (const char* generation : {"g1", "g2", "g3c", "g4"}) {
    if (misfit(find_generation(generation, "test"), model).empty()) formats.push_back(generation);
  }
  if (huggingface_class(model).fits()) formats.push_back("hf");
  return formats;
}

/// Names of tensors that differ in dtype, shape or bytes, once both are in the rotary layout of `a`.
std::vector<std::string> changed(const Opened& a, const Opened& b) {
  std::map<std::string, at::Tensor> others;
  const NamedTensors tensors = in_rope_layout(b.tensors, *b.model.head_dim, b.model.rope_layout, a.model.rope_layout);
  for (const auto& [name, tensor] : tensors) others[name] = tensor;
  std::vector<std::string> names;
  for (const auto& [name, tensor] : a.tensors) {
    const auto other = others.find(name);
    const bool same =
        other != others.end() && other->second.scalar_type() == tensor.scalar_type() && other->second.equal(tensor);
    if (!same) names.push_back(name);
  }
  if (tensors.size() != a.tensors.size()) names.push_back("the number of tensors");
  return names;
}

struct Golden {
  std::string name;
  std::string generation;
};

class Conversions : public testing::TestWithParam<Golden> {};

TEST_P(Conversions, AreExactThroughEveryPairOfFormats) {
  const Opened original = open_golden(GetParam().name, GetParam().generation);
  const std::vector<std::string> formats = formats_for(original.model);
  EXPECT_GE(formats.size(), 3u);
  const TempFolder folder;
  for (const std::string& first : formats) {
    const Opened between = through(original, first, folder / first);
    EXPECT_EQ(changed(original, between), std::vector<std::string>()) << first;
    for (const std::string& second : formats) {
      const Opened last = through(between, second, folder / (first + "_" + second));
      EXPECT_EQ(changed(original, last), std::vector<std::string>()) << first << " -> " << second;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, Conversions,
                         testing::Values(Golden{"g1_dense_ordered_fp32", "g1"}, Golden{"g1_moe_ordered_fp32", "g1"},
                                         Golden{"g2_dense_ordered_fp32", "g2"}, Golden{"g2_moe_ordered_fp32", "g2"},
                                         Golden{"g3a_dense_dict_fp16", "g3c"}, Golden{"g3a_moe_dict_fp16", "g3c"},
                                         Golden{"g4b_dense_dict_fp16", "g4"}, Golden{"g4b_moe_dict_bf16", "g4"}),
                         [](const auto& golden) { return golden.param.name; });

at::Tensor logits_of(const Opened& opened, const ModelConfig& model) {
  const at::NoGradGuard no_grad;
  Parameters parameters(model, at::kCPU, at::kFloat, /*trainable=*/false);
  copy_named(opened.tensors, parameters.tensors(), "test");
  CausalLm language_model(model, parameters);
  const at::Tensor tokens_bt = (at::arange(64) * 37 % 320).view({2, 32});
  return language_model.logits(language_model.forward(tokens_bt, /*training=*/false).hidden_nd);
}

TEST(Conversion, FromInterleavedToHalfSplitRotationsKeepTheLogits) {
  for (const char* name : {"g1_dense_ordered_fp32", "g1_moe_ordered_fp32", "g2_dense_ordered_fp32"}) {
    const Opened old = open_golden(name, std::string(name).substr(0, 2));
    const TempFolder folder;
    Opened converted = through(old, "g3c", folder.path());
    EXPECT_EQ(converted.model.rope_layout, "half_split");
    converted.model.rope_theta = old.model.rope_theta;
    const double difference =
        (logits_of(old, old.model) - logits_of(converted, converted.model)).abs().max().item<double>();
    EXPECT_LE(difference, 5e-6) << name;
  }
}

/// A mixture behind two dense layers, with weights by seed.
Opened dense_first(const std::vector<std::string>& changes) {
  std::vector<std::string> settings = {"model_type=moe",           "vocab_size=320",         "hidden_size=32",
                                       "num_hidden_layers=3",      "num_attention_heads=4",  "intermediate_size=48",
                                       "moe_intermediate_size=24", "first_k_dense_replace=2"};
  settings.insert(settings.end(), changes.begin(), changes.end());
  for (std::string& setting : settings) setting.insert(0, "model.");
  ModelConfig model = with_settings({}, settings);
  Problems problems;
  resolve_model(model, "test", problems);
  problems.throw_if_any();
  Parameters parameters(model, at::kCPU, at::kFloat, /*trainable=*/false);
  initialize(parameters, model, 7);
  NamedTensors tensors;
  for (const auto& [name, tensor] : parameters.tensors()) tensors.emplace_back(name, tensor.clone());
  return {std::move(tensors), model};
}

TEST(Conversion, DenseFirstLayersGoThroughEveryClassAndBack) {
  const std::map<std::string, std::vector<std::string>> kinds = {
      {"Qwen2MoeForCausalLM", {"n_shared_experts=1"}},
      {"Qwen3MoeForCausalLM", {"qk_norm=true"}},
      {"Qwen3NextForCausalLM", {"qk_norm=true", "n_shared_experts=1"}},
      {"Glm4MoeForCausalLM", {"qk_norm=true", "n_shared_experts=1", "scoring_func=sigmoid", "balance=bias"}}};
  const TempFolder folder;
  for (const auto& [architecture, changes] : kinds) {
    SCOPED_TRACE(architecture);
    const Opened ours = dense_first(changes);
    EXPECT_EQ(formats_for(ours.model), (std::vector<std::string>{"safetensors", "hf"}));
    EXPECT_EQ(architecture_of(huggingface_class(ours.model).form), architecture);
    for (const char* format : {"safetensors", "hf"}) {
      const Opened read = through(ours, format, folder / architecture);
      EXPECT_EQ(read.model.moe.first_k_dense_replace, 2) << format;
      EXPECT_EQ(read.model.intermediate_size, 48) << format;
      EXPECT_EQ(changed(ours, read), std::vector<std::string>()) << format;
      EXPECT_TRUE(logits_of(ours, ours.model).equal(logits_of(read, read.model))) << format;
    }
  }
}

TEST(Conversion, AModelThatAFormatCannotHoldIsRefusedWithTheReason) {
  const Opened moe = open_golden("g2_moe_ordered_fp32", "g2");
  const TempFolder folder;
  Opened deep_router = moe;
  deep_router.model.moe.router_hidden_size = 16;
  const Thrown hf = thrown_by([&] { through(deep_router, "hf", folder.path()); });
  EXPECT_EQ(hf.code, ExitCode::kCheckpoint);
  EXPECT_NE(hf.message.find("got a hidden layer in the router (model.router_hidden_size)"), std::string::npos)
      << hf.message;
  const Thrown g4 = thrown_by([&] { through(moe, "g4", folder.path()); });
  EXPECT_NE(g4.message.find("it needs a norm on queries and keys (model.qk_norm)"), std::string::npos) << g4.message;
  const Opened two_shared = open_golden("g3c_moe_two_shared_fp16", "g3c");
  const Thrown g2 = thrown_by([&] { through(two_shared, "g2", folder.path()); });
  EXPECT_NE(g2.message.find("exactly one shared expert"), std::string::npos) << g2.message;
}

TEST(Conversion, AValueBeyondFp16IsRefusedByName) {
  const NamedTensors tensors = {{"a", at::ones({2})}, {"b", at::full({2}, 70000.0)}};
  const Thrown error = thrown_by([&] { in_dtype(tensors, at::kHalf, "out.pth"); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message, "out.pth:b: got values beyond 65504, want what fp16 can hold (use --dtype bf16 or fp32)");
}

}  // namespace
}  // namespace mm
