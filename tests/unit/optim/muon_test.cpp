// Muon and NorMuon against their definition, matrix by matrix in fp64, and where Muon must differ from it.
#include <ATen/ops/equal.h>
#include <ATen/ops/linalg_svd.h>
#include <ATen/ops/linalg_svdvals.h>
#include <ATen/ops/zeros_like.h>
#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <limits>
#include <map>

#include "optim/adamw.h"
#include "optim/optimizer_table.h"
#include "tests/unit/model/small_model.h"

namespace mm {
namespace {

constexpr double kLearningRate = 1e-2;

/// Square, wide and tall matrices, stacked experts of both kinds, shared experts, untied head.
ModelConfig a_model() {
  ModelConfig config = small_config("moe");
  config.tie_word_embeddings = false;
  config.moe.num_experts = 3;
  config.moe.moe_intermediate_size = 48;
  config.moe.n_shared_experts = 1;
  config.moe.shared_expert_intermediate_size = 24;
  return config;
}

OptimConfig optim(const std::string& type, double weight_decay = 0) {
  OptimConfig config;
  config.type = type;
  config.weight_decay = weight_decay;
  return config;
}

at::Tensor scalar(double value) {
  return at::full({}, value, at::kFloat);
}

/// A model's buffers and an optimizer for them.
struct Subject {
  explicit Subject(const OptimConfig& config) : Subject(a_model(), config) {}
  Subject(const ModelConfig& model, const OptimConfig& config)
      : buffers(model),
        optimizer(make_optimizer(config, {parameters(), buffers.parameters.gradient()}, buffers.parameters.layout())) {}

  at::Tensor parameters() const { return buffers.parameters.master(); }
  std::map<std::string, at::Tensor> weights() const { return buffers.weights(); }

  /// The same gradient for the same seed; elements between the parameters have none.
  void set_gradient(uint64_t seed) {
    buffers.parameters.gradient().zero_();
    for (auto& [name, gradient] : buffers.gradients()) {
      gradient.copy_(random_tensor(gradient.sizes(), derive(seed, name)) * 0.01);
    }
  }
  void step(double divisor = 1, double skip = 0) { optimizer->step(kLearningRate, scalar(divisor), scalar(skip)); }
  void step_on(uint64_t seed) {
    set_gradient(seed);
    step();
  }

  std::vector<at::Tensor> everything() const {
    std::vector<at::Tensor> all = {parameters().clone()};
    for (const OptimizerState& part : optimizer->state()) all.push_back(part.values.clone());
    return all;
  }

  static uint64_t derive(uint64_t seed, const std::string& name) {
    return seed * 1000003 + std::hash<std::string>{}(name);
  }

  SmallModel buffers;
  std::unique_ptr<Optimizer> optimizer;
};

void expect_equal(const std::vector<at::Tensor>& one, const std::vector<at::Tensor>& other) {
  ASSERT_EQ(one.size(), other.size());
  for (size_t i = 0; i < one.size(); ++i) EXPECT_TRUE(at::equal(one[i], other[i])) << i;
}

bool is_matrix(const std::string& name) {
  return name.find("_proj") != std::string::npos;
}

// ---- The definition ----

/// What five quintic iterations make of a singular value.
double iterated(double s) {
  constexpr std::array<std::array<double, 3>, 5> kPolarExpress = {{
      {8.156554524902461, -22.48329292557795, 15.878769915207462},
      {4.042929935166739, -2.808917465908714, 0.5000178451051316},
      {3.8916678022926607, -2.772484153217685, 0.5060648178503393},
      {3.285753657755655, -2.3681294933425376, 0.46449024233003106},
      {2.3465413258596377, -1.7097828382687081, 0.42323551169305323},
  }};
  for (const auto& [a, b, c] : kPolarExpress) s = a * s + b * std::pow(s, 3) + c * std::pow(s, 5);
  return s;
}

/// By the singular values of one matrix, in fp64.
at::Tensor orthogonal(const at::Tensor& x_rc) {
  const auto [u, s, vh] = at::linalg_svd(x_rc, /*full_matrices=*/false);
  const double norm = x_rc.norm().item<double>() * 1.02;
  std::vector<double> values;
  for (int64_t i = 0; i < s.size(0); ++i) values.push_back(iterated(s[i].item<double>() / norm));
  return at::matmul(u * at::tensor(values, at::kDouble), vh);
}

/// One matrix and what is remembered of it.
struct OneMatrix {
  at::Tensor weight, momentum, row_squares;

  void step(const at::Tensor& gradient, const OptimConfig& config) {
    momentum = momentum * config.momentum + gradient * (1 - config.momentum);
    at::Tensor update = orthogonal(momentum * config.momentum + gradient * (1 - config.momentum));
    const auto rows = static_cast<double>(weight.size(0)), columns = static_cast<double>(weight.size(1));
    if (config.type == "normuon") {
      row_squares = row_squares * config.beta2 + update.square().mean(1) * (1 - config.beta2);
      update = update / (row_squares.sqrt() + config.eps).unsqueeze(1);
      update = update * (0.2 * std::sqrt(rows * columns) / update.norm().item<double>());
    } else {
      update = update * (0.2 * std::sqrt(std::max(rows, columns)));
    }
    weight = weight - weight * (kLearningRate * config.weight_decay) - update * kLearningRate;
  }
};

class MuonTest : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(Types, MuonTest, testing::Values("muon", "normuon"),
                         [](const auto& type) { return std::string(type.param); });

TEST_P(MuonTest, EqualsItsDefinitionOfEachMatrixByItself) {
  const OptimConfig config = optim(GetParam(), 0.1);
  Subject subject(config);
  std::map<std::string, OneMatrix> matrices;
  for (const auto& [name, weight] : subject.weights()) {
    if (!is_matrix(name)) continue;
    const at::Tensor start = weight.to(at::kDouble);
    matrices[name] = {start.clone(), at::zeros_like(start), at::zeros_like(start.select(1, 0))};
  }
  for (uint64_t step = 1; step <= 4; ++step) {
    subject.set_gradient(step);
    const auto gradients = subject.buffers.gradients();
    for (auto& [name, matrix] : matrices) matrix.step(gradients.at(name).to(at::kDouble), config);
    subject.step();
  }
  // Four updates of 0.01 * 0.2 each.
  for (const auto& [name, weight] : subject.weights()) {
    if (!is_matrix(name)) continue;
    EXPECT_LT((weight.to(at::kDouble) - matrices.at(name).weight).abs().max().item<double>(), 1e-6) << name;
  }
}

TEST(Muon, MakesTheSingularValuesOfEveryUpdateOneTimesItsScale) {
  Subject subject(optim("muon"));
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, weight] : subject.weights()) before[name] = weight.clone();
  subject.step_on(1);
  int64_t matrices = 0;
  for (const auto& [name, weight] : subject.weights()) {
    if (!is_matrix(name)) continue;
    const auto longest = static_cast<double>(std::max(weight.size(0), weight.size(1)));
    const at::Tensor values =
        at::linalg_svdvals((before.at(name) - weight) / (kLearningRate * 0.2 * std::sqrt(longest)));
    EXPECT_GT(values.min().item<double>(), 0.7) << name;
    EXPECT_LT(values.max().item<double>(), 1.3) << name;
    ++matrices;
  }
  EXPECT_EQ(matrices, 2 * (4 + 3 * 3 + 3));
}

TEST_P(MuonTest, UpdatesAreOfAdamWsSize) {
  Subject subject(optim(GetParam()));
  std::map<std::string, at::Tensor> before;
  for (const auto& [name, weight] : subject.weights()) before[name] = weight.clone();
  subject.step_on(1);
  for (const auto& [name, weight] : subject.weights()) {
    if (!is_matrix(name)) continue;
    const double rms = (weight - before.at(name)).square().mean().sqrt().item<double>();
    EXPECT_NEAR(rms / kLearningRate, 0.2, 0.03) << name;
  }
}

TEST(Muon, LeavesEmbeddingHeadRoutersAndNormsToAdamW) {
  Subject muon(optim("muon", 0.1)), adamw(optim("adamw", 0.1));
  for (uint64_t step = 1; step <= 3; ++step) {
    muon.step_on(step);
    adamw.step_on(step);
  }
  const auto expected = adamw.weights();
  for (const auto& [name, weight] : muon.weights()) {
    EXPECT_EQ(at::equal(weight, expected.at(name)), !is_matrix(name)) << name;
  }
}

TEST(Muon, JoinedMatricesAreOneMatrixIfSo) {
  OptimConfig joined = optim("muon");
  joined.orthogonalize = "joined";
  Subject subject(joined);
  const ParameterLayout& layout = subject.buffers.parameters.layout();
  const auto stored = [&](const std::string& name) {
    const StoredTensor& tensor = layout.find(name);
    return subject.parameters().narrow(0, tensor.offset, element_count(tensor.shape)).view(tensor.shape).clone();
  };
  for (const std::string name :
       {"model.layers.1.self_attn.qkv_proj.weight", "model.layers.1.mlp.experts.gate_up_proj.weight"}) {
    const at::Tensor before = stored(name);
    subject.step_on(1);
    const at::Tensor values = at::linalg_svdvals(
        (before - stored(name)) / (kLearningRate * 0.2 * std::sqrt(static_cast<double>(before.size(-2)))));
    EXPECT_GT(values.min().item<double>(), 0.7) << name;
    EXPECT_LT(values.max().item<double>(), 1.3) << name;
  }
}

// ---- Idle experts, skipped steps ----

TEST_P(MuonTest, AnExpertWithoutGradientStaysAsItIsWhateverItRemembers) {
  Subject subject(optim(GetParam()));
  const auto idle = [](const std::string& name) { return name.find("experts.1.") != std::string::npos; };
  for (uint64_t step = 1; step <= 3; ++step) {
    subject.set_gradient(step);
    // Never used in layer 0, no longer used in layer 1.
    for (auto& [name, gradient] : subject.buffers.gradients()) {
      if (idle(name) && (step > 1 || name.find("layers.0.") != std::string::npos)) gradient.zero_();
    }
    std::map<std::string, at::Tensor> before;
    for (const auto& [name, weight] : subject.weights()) before[name] = weight.clone();
    subject.step();
    for (const auto& [name, weight] : subject.weights()) {
      EXPECT_TRUE(weight.isfinite().all().item<bool>()) << name;
      const bool stays = idle(name) && (step > 1 || name.find("layers.0.") != std::string::npos);
      EXPECT_EQ(at::equal(weight, before.at(name)), stays) << name << " in step " << step;
    }
  }
}

TEST_P(MuonTest, ASkippedStepChangesNothing) {
  Subject subject(optim(GetParam(), 0.1));
  subject.step_on(1);
  const std::vector<at::Tensor> before = subject.everything();
  for (const double broken : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity()}) {
    subject.buffers.parameters.gradient().fill_(broken);
    subject.step(1, /*skip=*/1);
    expect_equal(subject.everything(), before);
    EXPECT_EQ(subject.buffers.parameters.gradient().count_nonzero().item<int64_t>(), 0);
  }
}

TEST_P(MuonTest, ClearsAllGradientsAndWritesTheWholeShadow) {
  const SmallModel small(a_model(), at::kBFloat16);
  const Parameters& parameters = small.parameters;
  const auto optimizer = make_optimizer(
      optim(GetParam()), {parameters.master(), parameters.gradient(), parameters.shadow()}, parameters.layout());
  for (auto& [name, gradient] : small.gradients()) gradient.copy_(random_tensor(gradient.sizes(), 1));
  const at::Tensor before = parameters.shadow().clone();
  optimizer->step(kLearningRate, scalar(1), scalar(0));
  EXPECT_EQ(parameters.gradient().count_nonzero().item<int64_t>(), 0);
  EXPECT_FALSE(at::equal(parameters.shadow(), before));
  EXPECT_TRUE(at::equal(parameters.shadow(), parameters.master().narrow(0, 0, before.size(0)).to(at::kBFloat16)));
}

TEST_P(MuonTest, DividesGradientsByTheDivisor) {
  Subject subject(optim(GetParam())), other(optim(GetParam()));
  for (uint64_t step = 1; step <= 3; ++step) {
    other.step_on(step);
    subject.set_gradient(step);
    subject.buffers.parameters.gradient().mul_(8);
    subject.step(/*divisor=*/8);
  }
  expect_equal(subject.everything(), other.everything());
}

// ---- State ----

TEST_P(MuonTest, GoesOnFromItsStateAsIfNothingHadHappened) {
  Subject subject(optim(GetParam(), 0.1)), other(optim(GetParam(), 0.1));
  subject.step_on(1);
  other.parameters().copy_(subject.parameters());
  const std::vector<OptimizerState> from = subject.optimizer->state(), to = other.optimizer->state();
  for (size_t i = 0; i < from.size(); ++i) to.at(i).values.copy_(from[i].values);
  subject.step_on(2);
  other.step_on(2);
  expect_equal(subject.everything(), other.everything());
}

TEST(OptimizerTable, TellsTheBytesOfEveryOptimizersState) {
  for (const std::string_view type : optimizer_names()) {
    const Subject subject(optim(std::string(type)));
    const Parameters& parameters = subject.buffers.parameters;
    int64_t bytes = 0;
    for (const OptimizerState& part : subject.optimizer->state()) {
      if (part.name == "updates") continue;
      if (!part.begin) bytes += static_cast<int64_t>(part.values.nbytes());
      if (!part.begin) continue;
      for (const auto& [name, values] : parameters.named(part.values, *part.begin)) {
        bytes += static_cast<int64_t>(values.nbytes());
      }
    }
    EXPECT_EQ(optimizer_cost(optim(std::string(type)), parameters.layout()).state_bytes, bytes) << type;
  }
}

TEST(OptimizerTable, EveryOptimizerForgetsWhatItIsToldToAndNothingElse) {
  for (const std::string_view type : optimizer_names()) {
    SCOPED_TRACE(type);
    Subject subject(optim(std::string(type)));
    subject.step_on(1);
    const Parameters& parameters = subject.buffers.parameters;
    const StoredTensor& experts = parameters.layout().find("model.layers.1.mlp.experts.down_proj.weight");
    const int64_t size = experts.shape[1] * experts.shape[2], begin = experts.offset + size;
    const auto sizes = [&] {
      std::map<std::string, double> sums;
      for (const OptimizerState& part : subject.optimizer->state()) {
        if (!part.begin) {
          const bool rows = part.values.dim() == 1 && part.name.ends_with(experts.name);
          for (int64_t e = 0; rows && e < experts.shape[0]; ++e) {
            const at::Tensor own = part.values.narrow(0, e * experts.shape[1], experts.shape[1]);
            sums[part.name + "experts." + std::to_string(e) + ".down"] = own.abs().sum().item<double>();
          }
          if (!rows) sums[part.name] = part.values.abs().sum().item<double>();
          continue;
        }
        for (const auto& [name, values] : parameters.named(part.values, *part.begin)) {
          sums[part.name + "." + name] = values.abs().sum().item<double>();
        }
      }
      return sums;
    };
    const std::map<std::string, double> before = sizes();
    subject.optimizer->forget({begin, begin + size});
    int forgotten = 0;
    for (const auto& [name, sum] : sizes()) {
      const bool expert = name.find("experts.1.down") != std::string::npos &&
                          (name.find("layers.1") != std::string::npos || name.find("row_") != std::string::npos);
      EXPECT_EQ(sum, expert ? 0 : before.at(name)) << name;
      forgotten += expert;
    }
    EXPECT_EQ(forgotten, type == "muon" ? 1 : 2);
  }
}

}  // namespace
}  // namespace mm
