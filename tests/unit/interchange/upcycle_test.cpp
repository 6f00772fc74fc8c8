// A mixture of experts that starts as the dense model it was made from.
#include "interchange/upcycle.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <map>

#include "checkpoint/named_access.h"
#include "interchange/weights.h"
#include "model/causal_lm.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

struct Dense {
  NamedTensors tensors;
  ModelConfig model;
};

Dense dense() {
  const Weights weights = open_weights(MM_GOLDEN_DATA "/checkpoints/g4b_dense_dict_fp32.pth", nullptr, "--init");
  return {weights.tensors, weights.file.model};
}

at::Tensor logits_of(const NamedTensors& tensors, const ModelConfig& model) {
  const at::NoGradGuard no_grad;
  Parameters parameters(model, at::kCPU, at::kFloat, /*trainable=*/false);
  copy_named(tensors, parameters.named(parameters.master()), "test");
  CausalLm language_model(model, parameters);
  const at::Tensor tokens_bt = (at::arange(64) * 37 % 320).view({2, 32});
  return language_model.logits(language_model.forward(tokens_bt, /*training=*/false).hidden_nd);
}

TEST(Upcycle, TheFirstLogitsAreThoseOfTheDenseModel) {
  const Dense from = dense();
  const at::Tensor want = logits_of(from.tensors, from.model);
  for (const UpcycleOptions& options : {UpcycleOptions{.experts = 4}, UpcycleOptions{.experts = 8, .top_k = 3},
                                        UpcycleOptions{.experts = 4, .top_k = 1}}) {
    const Upcycled moe = upcycle(from.tensors, from.model, options);
    EXPECT_EQ(moe.model.moe.num_experts, options.experts);
    const at::Tensor got = logits_of(moe.tensors, moe.model);
    EXPECT_LE((got - want).abs().max().item<double>(), 5e-6) << options.experts << ", " << options.top_k;
  }
}

TEST(Upcycle, NoiseMakesExpertsDifferAndTheSeedMakesThemTheSameAgain) {
  const Dense from = dense();
  const auto expert = [&](int64_t number, uint64_t seed) {
    const Upcycled moe = upcycle(from.tensors, from.model, {.noise = 0.1, .seed = seed});
    std::map<std::string, at::Tensor> tensors(moe.tensors.begin(), moe.tensors.end());
    return tensors.at("model.layers.1.mlp.experts." + std::to_string(number) + ".up_proj.weight");
  };
  EXPECT_TRUE(expert(0, 7).equal(expert(0, 7)));
  EXPECT_FALSE(expert(0, 7).equal(expert(1, 7)));
  EXPECT_FALSE(expert(0, 7).equal(expert(0, 8)));
  std::map<std::string, at::Tensor> tensors(from.tensors.begin(), from.tensors.end());
  const at::Tensor weight = tensors.at("model.layers.1.mlp.up_proj.weight");
  const double relative = ((expert(0, 7) - weight).std() / weight.std()).item<double>();
  EXPECT_NEAR(relative, 0.1, 0.005);
}

TEST(Upcycle, AModelWithExpertsAndTooManySlotsAreRefused) {
  Dense from = dense();
  EXPECT_EQ(thrown_by([&] { upcycle(from.tensors, from.model, {.experts = 2, .top_k = 3}); }).code, ExitCode::kConfig);
  from.model.model_type = "moe";
  const Thrown error = thrown_by([&] { upcycle(from.tensors, from.model, {}); });
  EXPECT_EQ(error.message, "--upcycle: got a model that has experts already, want a dense model");
}

}  // namespace
}  // namespace mm
