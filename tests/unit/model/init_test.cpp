// First weights: the distribution of every kind of tensor under each rule.
#include "model/parameters/init.h"

#include <ATen/ops/equal.h>

#include <cmath>

#include "small_model.h"
#include "tests/support/nan_memory.h"

namespace mm {
namespace {

constexpr double kRange = 0.02;
constexpr int64_t kWidth = 128;
constexpr int64_t kExpertWidth = 192;
const double kScaled = kRange / std::sqrt(2.0 * 2);  // two layers

ModelConfig config_with(const std::string& initialization) {
  ModelConfig config = small_config("moe");
  config.vocab_size = 500;
  config.hidden_size = kWidth;
  config.intermediate_size = kExpertWidth;
  config.moe.num_experts = 16;
  config.moe.n_shared_experts = 2;
  config.initializer_range = kRange;
  config.initialization = initialization;
  return config;
}

double deviation(const at::Tensor& x) {
  return x.to(at::kDouble).square().mean().sqrt().item<double>();
}
double largest(const at::Tensor& x) {
  return x.abs().max().item<double>();
}

/// Five standard errors of a standard deviation.
double tolerance(const at::Tensor& x) {
  return 5 / std::sqrt(2.0 * static_cast<double>(x.numel()));
}

void expect_normal(const std::string& name, const at::Tensor& x, double standard_deviation) {
  EXPECT_NEAR(deviation(x), standard_deviation, tolerance(x) * standard_deviation) << name;
  EXPECT_GT(largest(x), 2.5 * standard_deviation) << name;  // a uniform distribution ends at 1.73
}

void expect_uniform(const std::string& name, const at::Tensor& x, double bound) {
  EXPECT_LE(largest(x), bound) << name;
  EXPECT_GT(largest(x), 0.99 * bound) << name;
  EXPECT_NEAR(deviation(x), bound / std::sqrt(3.0), tolerance(x) * bound) << name;
}

bool is_norm(const std::string& name) {
  return name.find("norm") != std::string::npos;
}
bool is_router(const std::string& name) {
  return name.ends_with("mlp.gate.weight");
}

TEST(Initialize, NormalDrawsEveryMatrixFromOneDistribution) {
  for (const auto& [name, x] : SmallModel(config_with("normal")).weights()) {
    if (!is_norm(name)) expect_normal(name, x, kRange);
  }
}

TEST(Initialize, ScaledNormalShrinksWhatIsAddedToTheResidualStream) {
  for (const auto& [name, x] : SmallModel(config_with("scaled_normal")).weights()) {
    if (is_norm(name)) continue;
    const bool residual = name.ends_with("o_proj.weight") || name.ends_with("down_proj.weight");
    expect_normal(name, x, residual ? kScaled : kRange);
  }
}

TEST(Initialize, MinimindV1ShrinksUpProjectionsInsteadAndDrawsTheRouterUniformly) {
  for (const auto& [name, x] : SmallModel(config_with("minimind_v1")).weights()) {
    if (is_norm(name)) continue;
    if (is_router(name)) {
      expect_uniform(name, x, 1 / std::sqrt(static_cast<double>(kWidth)));
      continue;
    }
    const bool shrunk = name.ends_with("o_proj.weight") || name.ends_with("up_proj.weight");
    expect_normal(name, x, shrunk ? kScaled : kRange);
  }
}

TEST(Initialize, UniformIsBoundedByTheInputsOfEachMatrix) {
  for (const auto& [name, x] : SmallModel(config_with("uniform")).weights()) {
    if (is_norm(name)) continue;
    const int64_t inputs = name.ends_with("down_proj.weight") ? kExpertWidth : kWidth;
    expect_uniform(name, x, 1 / std::sqrt(static_cast<double>(inputs)));
  }
}

TEST(Initialize, SetsEveryNormToOne) {
  ModelConfig config = config_with("uniform");
  config.qk_norm = true;
  for (const auto& [name, x] : SmallModel(config).weights()) {
    if (!is_norm(name)) continue;
    EXPECT_TRUE(x.eq(1).all().item<bool>()) << name;
  }
}

TEST(Initialize, GivesTheSameBytesForTheSameSeedAlone) {
  const ModelConfig config = resolved(config_with("minimind_v1"));
  const auto drawn = [&](uint64_t seed) {
    Parameters parameters(config, at::kCPU, at::kFloat);
    initialize(parameters, config, seed);
    return parameters.master().clone();
  };
  EXPECT_TRUE(at::equal(drawn(1), drawn(1)));
  EXPECT_FALSE(at::equal(drawn(1), drawn(2)));
}

TEST(Initialize, LeavesNothingOfWhatTheMemoryHeld) {
  for (const char* model_type : {"dense", "moe"}) {
    const ModelConfig config = resolved(small_config(model_type));
    const auto drawn = [&](at::ScalarType compute_type) {
      Parameters parameters(config, at::kCPU, compute_type);
      initialize(parameters, config, 1);
      return parameters;
    };
    const at::Tensor want = drawn(at::kFloat).master();
    const NanInFreshMemory nan;
    EXPECT_TRUE(at::equal(drawn(at::kFloat).master(), want)) << model_type;
    const Parameters rounded = drawn(at::kBFloat16);
    for (const StoredTensor& stored : rounded.layout().stored) {
      EXPECT_FALSE(rounded.leaf(stored.name).isnan().any().item<bool>()) << stored.name;
    }
  }
}

TEST(Initialize, ModelsOfOneSeedShareWhatTheyHaveInCommon) {
  ModelConfig more_experts = config_with("normal");
  more_experts.moe.num_experts = 20;
  const auto dense = SmallModel(small_config("dense")).weights();
  const auto moe = SmallModel(small_config("moe")).weights();
  const auto few = SmallModel(config_with("normal")).weights(), many = SmallModel(more_experts).weights();
  for (const auto& [name, weight] : dense) {
    const auto same = moe.find(name);
    EXPECT_TRUE(same == moe.end() || at::equal(weight, same->second)) << name;
  }
  for (const auto& [name, weight] : few) {
    EXPECT_TRUE(weight.sizes() != many.at(name).sizes() || at::equal(weight, many.at(name))) << name;
  }
}

TEST(Initialize, DrawsEveryTensorAnew) {
  const auto weights = SmallModel(config_with("normal")).weights();
  EXPECT_FALSE(at::equal(weights.at("model.layers.0.mlp.experts.0.up_proj.weight"),
                         weights.at("model.layers.0.mlp.experts.1.up_proj.weight")));
  EXPECT_FALSE(at::equal(weights.at("model.layers.0.self_attn.q_proj.weight"),
                         weights.at("model.layers.1.self_attn.q_proj.weight")));
}

}  // namespace
}  // namespace mm
