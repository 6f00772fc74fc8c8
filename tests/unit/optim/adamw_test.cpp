// AdamW against its formula, element by element.
#include "optim/adamw.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <cmath>

namespace mm {
namespace {

constexpr int64_t kSize = 2048;
constexpr int64_t kShadowed = 1008;
constexpr int64_t kDecayedEnd = 1040;
constexpr double kLearningRate = 1e-2;

at::Tensor random_tensor(uint64_t seed) {
  return at::randn({kSize}, at::detail::createCPUGenerator(seed));
}

/// The formula of the header, one element at a time in fp64.
struct ScalarAdamW {
  OptimConfig config;
  int64_t decayed_end;
  std::vector<double> p = {}, m = std::vector<double>(kSize, 0.0), v = m;
  int t = 0;

  void step(const at::Tensor& gradient) {
    ++t;
    for (int64_t i = 0; i < kSize; ++i) {
      const auto j = static_cast<size_t>(i);
      const double g = gradient[i].item<float>();
      if (i < decayed_end) p[j] -= kLearningRate * config.weight_decay * p[j];
      m[j] = config.beta1 * m[j] + (1 - config.beta1) * g;
      v[j] = config.beta2 * v[j] + (1 - config.beta2) * g * g;
      const double mean = m[j] / (1 - std::pow(config.beta1, t)), square = v[j] / (1 - std::pow(config.beta2, t));
      p[j] -= kLearningRate * mean / (std::sqrt(square) + config.eps);
    }
  }
};

/// An optimizer with its buffers.
struct Subject {
  explicit Subject(const OptimConfig& config = {}, std::vector<FlatRange> ranges = {})
      : adamw({parameters, gradients, shadow}, kDecayedEnd, config, std::move(ranges)) {}

  void step(const at::Tensor& gradient, double divisor = 1, double skip = 0) {
    gradients.copy_(gradient);
    adamw.step(kLearningRate, at::full({}, divisor), at::full({}, skip));
  }
  void expect_same(const Subject& other) const {
    EXPECT_TRUE(at::equal(parameters, other.parameters));
    EXPECT_TRUE(at::equal(adamw.first_moment(), other.adamw.first_moment()));
    EXPECT_TRUE(at::equal(adamw.second_moment(), other.adamw.second_moment()));
    EXPECT_TRUE(at::equal(adamw.updates(), other.adamw.updates()));
  }

  at::Tensor parameters = random_tensor(1);
  at::Tensor gradients = at::zeros({kSize});
  at::Tensor shadow = at::zeros({kShadowed}, at::kBFloat16);
  AdamW adamw;
};

TEST(AdamW, EqualsItsFormulaOverTenStepsForEachDecaySetting) {
  for (const char* decay : {"matrices", "all"}) {
    OptimConfig config;
    config.decay = decay;
    Subject subject(config);
    ScalarAdamW scalar{config, config.decay == "all" ? kSize : kDecayedEnd};
    for (int64_t i = 0; i < kSize; ++i) scalar.p.push_back(subject.parameters[i].item<float>());
    for (uint64_t step = 0; step < 10; ++step) {
      const at::Tensor gradient = random_tensor(100 + step) * 0.1;
      subject.step(gradient);
      scalar.step(gradient);
    }
    // Parameters of size 1 to 4 take ten updates, each rounded to fp32.
    const at::Tensor difference = subject.parameters.to(at::kDouble) - at::tensor(scalar.p, at::kDouble);
    EXPECT_LT(difference.abs().max().item<double>(), 3e-6) << decay;
    EXPECT_EQ(subject.adamw.updates().item<float>(), 10.0f);
  }
}

TEST(AdamW, ChangesNothingOnASkippedStepNotEvenTheCountOfUpdates) {
  Subject subject, other;
  const at::Tensor broken = at::full({kSize}, std::numeric_limits<float>::quiet_NaN());
  for (uint64_t step = 0; step < 3; ++step) {
    subject.step(random_tensor(step));
    other.step(random_tensor(step));
    subject.step(broken, 1, /*skip=*/1);
    subject.expect_same(other);
    EXPECT_EQ(subject.gradients.count_nonzero().item<int64_t>(), 0);
  }
  EXPECT_EQ(subject.adamw.updates().item<float>(), 3.0f);
}

TEST(AdamW, DividesGradientsByTheDivisor) {
  Subject subject, other;
  for (uint64_t step = 0; step < 3; ++step) {
    subject.step(random_tensor(step) * 8, /*divisor=*/8);
    other.step(random_tensor(step));
  }
  subject.expect_same(other);
}

TEST(AdamW, LeavesElementsWithoutGradientToTheDecayAlone) {
  OptimConfig config;
  config.weight_decay = 0.5;
  Subject subject(config);
  subject.step(at::zeros({kSize}));
  const at::Tensor before = random_tensor(1);
  EXPECT_TRUE(at::equal(subject.parameters.slice(0, kDecayedEnd), before.slice(0, kDecayedEnd)));
  EXPECT_TRUE(at::allclose(subject.parameters.slice(0, 0, kDecayedEnd),
                           before.slice(0, 0, kDecayedEnd) * (1 - kLearningRate * 0.5), 1e-6, 0));
}

TEST(AdamW, ClearsGradientsAndWritesTheShadowOfWhatItUpdates) {
  // Borders of shadow and decay in the middle of ranges, and ranges beyond both.
  const std::vector<FlatRange> ranges = {{0, 500}, {700, 1024}, {1030, 1048}, {1100, 1100}, {2000, 2047}};
  Subject all, some({}, ranges);
  for (uint64_t step = 0; step < 3; ++step) {
    const at::Tensor gradient = random_tensor(step);
    all.step(gradient);
    some.step(gradient);
    EXPECT_EQ(all.gradients.count_nonzero().item<int64_t>(), 0);
    at::Tensor expected_gradients = gradient.clone();
    for (const FlatRange& range : ranges) expected_gradients.slice(0, range.begin, range.end).zero_();
    EXPECT_TRUE(at::equal(some.gradients, expected_gradients));
  }
  EXPECT_TRUE(at::equal(all.shadow, all.parameters.narrow(0, 0, kShadowed).to(at::kBFloat16)));
  at::Tensor parameters = random_tensor(1), shadow = at::zeros({kShadowed}, at::kBFloat16);
  for (const FlatRange& range : ranges) {
    parameters.slice(0, range.begin, range.end).copy_(all.parameters.slice(0, range.begin, range.end));
    shadow.slice(0, range.begin, range.end).copy_(all.shadow.slice(0, range.begin, range.end));
  }
  EXPECT_TRUE(at::allclose(some.parameters, parameters, 1e-6, 0));
  EXPECT_TRUE(at::equal(some.shadow, shadow));
}

}  // namespace
}  // namespace mm
