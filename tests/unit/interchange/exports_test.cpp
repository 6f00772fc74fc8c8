// Which programs a model can leave for, and what is in the way of the others.
#include "interchange/export/exports.h"

#include <gtest/gtest.h>

#include "interchange/config/generation.h"

namespace mm {
namespace {

ModelConfig resolved(ModelConfig model) {
  Problems problems;
  resolve_model(model, "test", problems);
  problems.throw_if_any();
  return model;
}

/// A mixture of experts as `change` makes it.
template <class Change>
ModelConfig mixture(const Change& change) {
  ModelConfig model;
  model.model_type = "moe";
  change(model);
  return resolved(model);
}

TEST(Exports, EveryMiniMindModelGoesWhereItsGenerationCan) {
  const auto exports = [](const char* generation, bool moe) {
    return describe_exports(resolved(generation_model(find_generation(generation, "test"), moe)));
  };
  EXPECT_EQ(exports("g1", false), "Hugging Face as LlamaForCausalLM, GGUF as llama, MiniMind .pth as g1");
  EXPECT_EQ(exports("g1", true), "Hugging Face as Qwen2MoeForCausalLM, GGUF as glm4moe, MiniMind .pth as g1");
  EXPECT_EQ(exports("g3c", true), "Hugging Face as Qwen2MoeForCausalLM, GGUF as glm4moe, MiniMind .pth as g3c");
  EXPECT_EQ(exports("g4", false), "Hugging Face as Qwen3ForCausalLM, GGUF as qwen3, MiniMind .pth as g4");
  EXPECT_EQ(exports("g4", true), "Hugging Face as Qwen3MoeForCausalLM, GGUF as qwen3moe, MiniMind .pth as g4");
  EXPECT_EQ(exports("g4c", true), "Hugging Face as Qwen3MoeForCausalLM, GGUF as glm4moe, MiniMind .pth as g4c");
}

TEST(Exports, SharedExpertsWithQkNormGoEverywhereButIntoAMiniMindFile) {
  EXPECT_EQ(describe_exports(mixture([](ModelConfig& model) {
              model.qk_norm = true;
              model.moe.n_shared_experts = 1;
            })),
            "Hugging Face as Qwen3NextForCausalLM, GGUF as glm4moe; no MiniMind .pth: g4 is nearest, but it has no "
            "shared experts (model.n_shared_experts)");
}

TEST(Exports, SigmoidScoresHaveOneClassWhateverStandsAroundThem) {
  for (const bool qk_norm : {false, true}) {
    for (const char* balance : {"none", "bias", "quantile"}) {
      const ModelConfig model = mixture([&](ModelConfig& config) {
        config.qk_norm = qk_norm;
        config.moe.scoring_func = "sigmoid";
        config.moe.balance = balance;
      });
      EXPECT_EQ(architecture_of(huggingface_class(model).form), "Glm4MoeForCausalLM");
      EXPECT_TRUE(huggingface_class(model).fits());
      EXPECT_EQ(name_of(gguf_architecture(model).form), "glm4moe");
    }
  }
}

TEST(Exports, ASettingThatNoProgramHasIsNamedWithWhatWouldDo) {
  const auto obstacle = [](const auto& change) { return huggingface_class(mixture(change)).obstacle; };
  EXPECT_EQ(obstacle([](ModelConfig& model) { model.moe.router_hidden_size = 16; }),
            "a hidden layer in the router (model.router_hidden_size)");
  EXPECT_EQ(obstacle([](ModelConfig& model) { model.moe.force_uniform_routing = true; }),
            "experts taken in turn (model.force_uniform_routing)");
  EXPECT_EQ(obstacle([](ModelConfig& model) { model.moe.scoring_func = "sqrtsoftplus"; }),
            "sqrtsoftplus router scores (model.scoring_func; softmax and sigmoid have classes)");
  EXPECT_EQ(obstacle([](ModelConfig& model) { model.moe.balance = "bias"; }),
            "a bias on softmax scores (model.balance; with model.scoring_func=sigmoid there is a class)");
  EXPECT_EQ(obstacle([](ModelConfig& model) {
              model.moe.n_group = 2;
              model.moe.topk_group = 1;
            }),
            "groups of experts with softmax scores (model.topk_group; sigmoid scores have a class)");
  EXPECT_EQ(obstacle([](ModelConfig& model) { model.head_dim = 32; }),
            "heads that do not make hidden_size (model.head_dim) without q/k-norm (model.qk_norm)");
}

TEST(Exports, DenseFirstLayersGoEverywhereButIntoAMiniMindFile) {
  const auto exports = [](const auto& change) {
    return describe_exports(mixture([&](ModelConfig& model) {
      model.qk_norm = true;
      model.moe.first_k_dense_replace = 1;
      model.intermediate_size = 1024;
      change(model);
    }));
  };
  const std::string no_pth =
      "; no MiniMind .pth: g4 is nearest, but it has no dense layers before the routed ones "
      "(model.first_k_dense_replace)";
  EXPECT_EQ(exports([](ModelConfig&) {}), "Hugging Face as Qwen3MoeForCausalLM, GGUF as glm4moe" + no_pth);
  EXPECT_TRUE(exports([](ModelConfig& model) {
                model.moe.n_shared_experts = 1;
              }).starts_with("Hugging Face as Qwen3NextForCausalLM, GGUF as glm4moe; no MiniMind .pth: "));
  EXPECT_EQ(exports([](ModelConfig& model) { model.moe.scoring_func = "sigmoid"; }),
            "Hugging Face as Glm4MoeForCausalLM, GGUF as glm4moe" + no_pth);
}

TEST(Exports, LlamaCppHoldsABiasOnSoftmaxScoresAndNoGroups) {
  EXPECT_TRUE(gguf_architecture(mixture([](ModelConfig& model) { model.moe.balance = "bias"; })).fits());
  EXPECT_EQ(gguf_architecture(mixture([](ModelConfig& model) {
              model.moe.n_group = 2;
              model.moe.topk_group = 1;
            })).obstacle,
            "groups of experts (model.topk_group)");
}

}  // namespace
}  // namespace mm
