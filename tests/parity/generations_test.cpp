// The mathematics of every MiniMind generation against numbers of the Python classes: loss, balancing loss, logits,
// gradient norms (whole and per parameter) and expert loads, in fp32 on the CPU.
// golden/generations.json comes from torch 2.13.0; another order of summation moves logits by up to 1.5e-6, losses by
// 3e-7 and norms of single parameters by 2e-5 (relative), so the tolerances below leave a factor of five to ten.
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "model/causal_lm.h"
#include "ops/cross_entropy.h"
#include "ops/update/flat_norm.h"

namespace mm {
namespace {

using nlohmann::json;

constexpr double kLogitTolerance = 2e-5;
constexpr double kLossTolerance = 1e-5;           // relative
constexpr double kParameterNormTolerance = 1e-4;  // relative, plus 1e-6 of the whole norm

const json& golden() {
  static const json data = json::parse(std::ifstream(MM_GOLDEN "/generations.json"));
  return data;
}

/// What differs between the rows of the table.
struct Generation {
  std::string model;
  ModelConfig config;
  bool shift_inside = false;  ///< all columns are fed, the last one has no target (G4)
  bool adds_balance = true;   ///< the trainer differentiates cross entropy + balancing loss
};

ModelConfig base_config(bool moe) {
  ModelConfig config;
  config.model_type = moe ? "moe" : "dense";
  config.vocab_size = 100;
  config.hidden_size = 64;
  config.num_hidden_layers = 2;
  config.num_attention_heads = 4;
  config.num_key_value_heads = 2;
  config.moe.n_shared_experts = 1;
  config.moe.aux_loss = "sequence";
  return config;
}

Generation generation(const std::string& model) {
  const bool moe = model.find("MoE") != std::string::npos;
  Generation g{model, base_config(moe)};
  if (model.starts_with("G1")) {
    g.config.rope_theta = 1e4;
    g.config.rope_layout = "interleaved";
    g.adds_balance = false;
  } else if (model.starts_with("G2")) {
    g.config.rope_layout = "interleaved";
    g.config.moe.router_aux_loss_coef = 0.1;
    g.config.moe.fp16_expert_output = true;
  } else if (model.starts_with("G3")) {
    g.config.moe.router_aux_loss_coef = model.ends_with("early") ? 0.1 : 0.01;
    g.config.moe.fp16_expert_output = model.ends_with("early");
  } else {
    g.config.rms_norm_eps = 1e-6;
    g.config.norm_rounding = "after_weight";
    g.config.qk_norm = true;
    g.config.intermediate_rule = "pi";
    g.config.moe.n_shared_experts = 0;
    g.config.moe.num_experts_per_tok = 1;
    g.config.moe.norm_top1_prob = true;
    g.config.moe.aux_loss = "token_sum";
    g.config.moe.router_aux_loss_coef = 5e-4;
    g.shift_inside = true;
  }
  Problems problems;
  resolve_model(g.config, "test", problems);
  problems.throw_if_any();
  return g;
}

/// MiniMind's names before April 2025 as Hugging Face names.
std::string modern_name(std::string name) {
  static const std::vector<std::pair<std::regex, std::string>> rules = {
      {std::regex("^tok_embeddings"), "model.embed_tokens"},
      {std::regex("^norm"), "model.norm"},
      {std::regex("^layers"), "model.layers"},
      {std::regex("attention\\.w([qkvo])"), "self_attn.$1_proj"},
      {std::regex("attention_norm"), "input_layernorm"},
      {std::regex("ffn_norm"), "post_attention_layernorm"},
      {std::regex("feed_forward\\.shared_experts\\."), "mlp.shared_experts.0."},
      {std::regex("feed_forward"), "mlp"},
      {std::regex("\\.w1\\."), ".gate_proj."},
      {std::regex("\\.w2\\."), ".down_proj."},
      {std::regex("\\.w3\\."), ".up_proj."},
  };
  if (name.starts_with("model.")) return name;
  for (const auto& [pattern, replacement] : rules) name = std::regex_replace(name, pattern, replacement);
  return name;
}

/// The order of `grad_norms` in the file is the order of the parameters, which the weight formula depends on.
std::vector<std::pair<std::string, double>> ordered_grad_norms(const std::string& model) {
  std::vector<std::pair<std::string, double>> norms;
  const auto ordered = nlohmann::ordered_json::parse(std::ifstream(MM_GOLDEN "/generations.json"));
  for (const auto& entry : ordered["cases"]) {
    if (entry["model"] != model) continue;
    for (const auto& [name, norm] : entry["grad_norms"].items())
      norms.emplace_back(modern_name(name), norm.get<double>());
  }
  return norms;
}

/// Weights by formula: a hash of parameter index and element index, centred and scaled.
void fill_by_formula(Parameters& parameters, const std::vector<std::pair<std::string, double>>& order) {
  const auto hash = [](uint32_t h) {
    h ^= h >> 16;
    h *= 0x85ebca6bu;
    h ^= h >> 13;
    h *= 0xc2b2ae35u;
    return h ^ (h >> 16);
  };
  std::map<std::string, at::Tensor> tensors;
  for (auto& [name, tensor] : parameters.named(parameters.master())) tensors[name] = tensor;
  ASSERT_EQ(tensors.size(), order.size());
  for (size_t p = 0; p < order.size(); ++p) {
    ASSERT_TRUE(tensors.contains(order[p].first)) << order[p].first;
    at::Tensor& tensor = tensors[order[p].first];
    std::vector<float> values(static_cast<size_t>(tensor.numel()));
    for (size_t j = 0; j < values.size(); ++j) {
      const double u = hash(static_cast<uint32_t>(2654435761u * j + 40503u * p + 1u)) / 4294967296.0 - 0.5;
      values[j] = static_cast<float>(tensor.dim() == 1 ? 1 + 0.2 * u : 0.3 * u);
    }
    tensor.copy_(at::tensor(values).view(tensor.sizes()));
  }
}

class Generations : public testing::TestWithParam<std::string> {};

TEST_P(Generations, GiveTheNumbersOfTheirPythonClasses) {
  const Generation g = generation(GetParam());
  json expected;
  for (const json& entry : golden()["cases"]) {
    if (entry["model"] == g.model) expected = entry;
  }
  const auto grad_norms = ordered_grad_norms(g.model);

  Parameters parameters(g.config, at::kCPU, at::kFloat);
  fill_by_formula(parameters, grad_norms);
  CausalLm model(g.config, parameters);

  std::vector<int64_t> ids;
  for (const json& row : golden()["tokens"]) {
    for (const json& id : row) ids.push_back(id.get<int64_t>());
  }
  const at::Tensor all = at::tensor(ids, at::kLong).view({2, 17});
  at::Tensor tokens = all.slice(1, 0, 16), targets = all.slice(1, 1, 17);
  if (g.shift_inside) {
    tokens = all;
    targets = all.roll(-1, 1);
    targets.select(1, 16).fill_(-100);
  }

  const HiddenStates states = model.forward(tokens.contiguous(), true);
  const at::Tensor cross_entropy_loss =
      mm::cross_entropy(model.logits(states.hidden_nd), targets.flatten()).sum() / 32.0;
  at::Tensor loss = cross_entropy_loss;
  if (states.reports.balance_loss.defined() && g.adds_balance) loss = loss + states.reports.balance_loss;
  loss.backward();

  EXPECT_NEAR(cross_entropy_loss.item<double>(), expected["cross_entropy"], 5 * kLossTolerance);
  if (!expected["aux"].is_null() && expected["aux"] != 0.0) {
    const double aux = expected["aux"];
    EXPECT_NEAR(states.reports.balance_loss.item<double>(), aux, kLossTolerance * aux);
  }
  const double norm = expected["grad_norm"];
  EXPECT_NEAR(flat_norm(parameters.gradient()).item<double>(), norm, kLossTolerance * norm);
  std::map<std::string, at::Tensor> gradients;
  for (auto& [name, tensor] : parameters.named(parameters.gradient())) gradients[name] = tensor;
  for (const auto& [name, parameter_norm] : grad_norms) {
    EXPECT_NEAR(gradients[name].norm().item<double>(), parameter_norm,
                kParameterNormTolerance * parameter_norm + 1e-6 * norm)
        << name;
  }
  for (size_t layer = 0; layer < expected["expert_tokens"].size(); ++layer) {
    for (size_t expert = 0; expert < 4; ++expert) {
      EXPECT_EQ(states.reports.expert_tokens_le[layer][expert].item<int64_t>(),
                expected["expert_tokens"][layer][expert]);
    }
  }

  const at::NoGradGuard no_grad;
  const int64_t row = tokens.size(1) + 15;
  const at::Tensor logits = model.logits(model.forward(tokens.contiguous(), false).hidden_nd)[row];
  for (int64_t i = 0; i < logits.size(0); ++i) {
    EXPECT_NEAR(logits[i].item<double>(), expected["logits_row1_position15"][i], kLogitTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(, Generations,
                         testing::Values("G1 dense", "G1 MoE", "G2 dense", "G2 MoE", "G3 dense", "G3 dense late",
                                         "G3 MoE early", "G3 MoE late", "G4 dense", "G4 MoE"),
                         [](const auto& row) { return std::regex_replace(row.param, std::regex(" "), "_"); });

}  // namespace
}  // namespace mm
