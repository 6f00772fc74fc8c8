// The average of the weights is that of its definition, and standing in for them leaves no trace.
#include "engine/weight_average.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <string>

#include "core/problems.h"

namespace mm {
namespace {

ModelConfig mixture() {
  ModelConfig config;
  config.model_type = "moe";
  config.vocab_size = 50;
  config.hidden_size = 24;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 2;
  config.num_key_value_heads = 2;
  config.moe.num_experts = 4;
  config.moe.num_experts_per_tok = 2;
  config.moe.moe_intermediate_size = 16;
  config.moe.balance = "bias";
  Problems problems;
  resolve_model(config, "a test", problems);
  problems.throw_if_any();
  return config;
}

/// Writes other weights and biases for every `number`.
void write(Parameters& parameters, int number) {
  auto generator = at::detail::createCPUGenerator(static_cast<uint64_t>(number));
  for (const auto& [name, tensor] : parameters.tensors())
    tensor.copy_(at::randn(tensor.sizes(), generator, at::kFloat));
}

TEST(WeightAverage, IsThatOfItsDefinitionForWeightsAndRouterBiases) {
  constexpr double kDecay = 0.9;
  Parameters parameters(mixture(), at::kCPU, at::kFloat);
  WeightAverage average(parameters, kDecay);
  EXPECT_FALSE(average.has_begun());
  std::vector<at::Tensor> wanted;
  for (int step = 0; step < 20; ++step) {
    write(parameters, step);
    average.add();
    size_t i = 0;
    for (const auto& [name, tensor] : parameters.tensors()) {
      const at::Tensor weights = tensor.to(at::kDouble).clone();
      if (step == 0) {
        wanted.push_back(weights);
      } else {
        wanted[i] = kDecay * wanted[i] + (1 - kDecay) * weights;
      }
      ++i;
    }
  }
  const auto tensors = average.tensors();
  ASSERT_EQ(tensors.size(), wanted.size());
  ASSERT_EQ(tensors.size(), parameters.tensors().size());
  for (size_t i = 0; i < tensors.size(); ++i) {
    EXPECT_EQ(tensors[i].first, parameters.tensors()[i].first);
    EXPECT_LT((tensors[i].second.to(at::kDouble) - wanted[i]).abs().max().item<double>(), 1e-5) << tensors[i].first;
  }
  EXPECT_EQ(average.buffers().size(), 2U);
}

TEST(WeightAverage, StandsInForTheWeightsAndGivesThemBackToTheBit) {
  for (const at::ScalarType type : {at::kFloat, at::kBFloat16}) {
    Parameters parameters(mixture(), at::kCPU, type);
    const at::Tensor leaf = parameters.leaf("model.layers.0.mlp.experts.gate_up_proj.weight").detach();
    WeightAverage average(parameters, 0.5);
    for (const int number : {1, 2}) {
      write(parameters, number);
      parameters.refresh_shadow();
      average.add();
    }
    const at::Tensor weights = parameters.master().clone(), bias_le = parameters.router_state().bias_le.clone();
    const at::Tensor averaged = average.buffers()[0].clone(), averaged_bias_le = average.buffers()[1].clone();
    const at::Tensor read = leaf.clone();
    {
      const AverageInPlace in_place(average);
      EXPECT_TRUE(at::equal(parameters.master(), averaged));
      EXPECT_TRUE(at::equal(parameters.router_state().bias_le, averaged_bias_le));
      EXPECT_FALSE(at::equal(leaf, read)) << "what the forward pass reads";
    }
    EXPECT_TRUE(at::equal(parameters.master(), weights));
    EXPECT_TRUE(at::equal(parameters.router_state().bias_le, bias_le));
    EXPECT_TRUE(at::equal(average.buffers()[0], averaged));
    EXPECT_TRUE(at::equal(leaf, read));
  }
}

}  // namespace
}  // namespace mm
