// What the tests of the model share: small configs, a model with weights by seed, one forward and backward pass.
#pragma once

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/randint.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "model/causal_lm.h"
#include "model/parameters/init.h"
#include "ops/cross_entropy.h"

namespace mm {

inline ModelConfig resolved(ModelConfig config) {
  Problems problems;
  resolve_model(config, "test", problems);
  problems.throw_if_any();
  return config;
}

/// Two layers of width 32; the MoE one has four experts, top-2, no shared expert.
inline ModelConfig small_config(const std::string& model_type) {
  ModelConfig config;
  config.model_type = model_type;
  config.vocab_size = 50;
  config.hidden_size = 32;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.intermediate_size = 40;
  config.initializer_range = 0.2;  // far from uniform routing
  return config;
}

/// Three layers, the first of which is dense: narrower than an expert, so that neither passes for the other.
inline ModelConfig small_dense_first_config() {
  ModelConfig config = small_config("moe");
  config.num_hidden_layers = 3;
  config.intermediate_size = 24;
  config.moe.moe_intermediate_size = 40;
  config.moe.first_k_dense_replace = 1;
  return config;
}

struct SmallModel {
  explicit SmallModel(const ModelConfig& wanted, at::ScalarType compute_type = at::kFloat)
      : config(resolved(wanted)), parameters(config, at::kCPU, compute_type), model(config, parameters) {
    initialize(parameters, config, 7);
  }

  std::map<std::string, at::Tensor> weights() const { return by_name(parameters.master()); }
  std::map<std::string, at::Tensor> gradients() const { return by_name(parameters.gradient()); }

  ModelConfig config;
  Parameters parameters;
  CausalLm model;

 private:
  std::map<std::string, at::Tensor> by_name(const at::Tensor& flat) const {
    const auto named = parameters.named(flat);
    return {named.begin(), named.end()};
  }
};

/// Token ids below 50, [batch, time].
inline at::Tensor some_tokens(int64_t batch, int64_t time, uint64_t seed = 1) {
  return at::randint(0, 50, {batch, time}, at::detail::createCPUGenerator(seed), at::kLong);
}

inline at::Tensor random_tensor(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed));
}

/// Mean cross entropy of the next token.
inline at::Tensor language_loss(CausalLm& model, const HiddenStates& states, const at::Tensor& tokens_bt) {
  at::Tensor targets_bt = tokens_bt.roll(-1, 1);
  targets_bt.select(1, tokens_bt.size(1) - 1).fill_(-100);
  return cross_entropy(model.logits(states.hidden_nd), targets_bt.flatten()).mean();
}

inline at::Tensor evaluation_logits(CausalLm& model, const at::Tensor& tokens_bt) {
  const at::NoGradGuard no_grad;
  const at::Tensor logits_nv = model.logits(model.forward(tokens_bt, false).hidden_nd);
  return logits_nv.view({tokens_bt.size(0), tokens_bt.size(1), -1});
}

}  // namespace mm
