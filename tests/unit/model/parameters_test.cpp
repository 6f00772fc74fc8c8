// Flat buffers and the tensors that are parts of them.
#include "model/parameters/parameters.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>

#include "ops/update/flat_norm.h"
#include "small_model.h"
#include "tests/support/nan_memory.h"

namespace mm {
namespace {

bool lies_in(const at::Tensor& part, const at::Tensor& flat) {
  const auto* begin = static_cast<const char*>(flat.data_ptr());
  const auto* at = static_cast<const char*>(part.data_ptr());
  return at >= begin && at < begin + flat.nbytes();
}

TEST(Parameters, AreLeavesWhoseGradientsArePartsOfTheFlatBuffer) {
  const SmallModel small(small_config("moe"));
  for (const StoredTensor& stored : small.parameters.layout().stored) {
    const at::Tensor leaf = small.parameters.leaf(stored.name);
    EXPECT_TRUE(leaf.is_leaf() && leaf.requires_grad()) << stored.name;
    EXPECT_TRUE(lies_in(leaf, small.parameters.master())) << stored.name;
    EXPECT_TRUE(lies_in(leaf.grad(), small.parameters.gradient())) << stored.name;
    EXPECT_EQ(leaf.sizes(), leaf.grad().sizes());
  }
}

TEST(Parameters, WithoutTrainingHaveNoGradients) {
  const Parameters parameters(resolved(small_config("dense")), at::kCPU, at::kFloat, /*trainable=*/false);
  EXPECT_FALSE(parameters.gradient().defined());
  EXPECT_FALSE(parameters.leaf("model.norm.weight").requires_grad());
}

TEST(Parameters, LieBesideGapsThatAreZeroWhateverTheMemoryHeld) {
  const NanInFreshMemory nan;
  for (const char* model_type : {"dense", "moe"}) {
    ModelConfig config = small_config(model_type);
    config.hidden_size = 24;  // no multiple of 16: a gap behind most norms
    config.moe.n_shared_experts = 2;
    const Parameters parameters(resolved(config), at::kCPU, at::kFloat, /*trainable=*/false);
    const at::Tensor before = parameters.master().clone();
    EXPECT_GT(before.eq(0).sum().item<int64_t>(), 0);
    for (const auto& [name, tensor] : parameters.named(parameters.master())) tensor.fill_(1);
    // Names cover the buffer but for its gaps, and no gap is left as it was.
    EXPECT_TRUE(parameters.master().eq(1).logical_or(before.eq(0)).all().item<bool>()) << model_type;
    EXPECT_TRUE(parameters.master().eq(1).logical_xor(before.eq(0)).all().item<bool>()) << model_type;
  }
}

TEST(Parameters, NamedTensorsWriteThroughToWhatTheModelReads) {
  ModelConfig config = small_config("moe");
  config.moe.n_shared_experts = 2;
  SmallModel small(config);
  small.weights().at("model.layers.1.mlp.shared_experts.1.down_proj.weight").fill_(3);
  const at::Tensor joined = small.parameters.leaf("model.layers.1.mlp.shared_experts.down_proj.weight");
  EXPECT_TRUE(joined.narrow(1, 40, 40).eq(3).all().item<bool>());
  EXPECT_FALSE(joined.narrow(1, 0, 40).eq(3).any().item<bool>());
}

TEST(Parameters, ASixteenBitShadowFollowsTheMasterWhenRefreshed) {
  SmallModel small(small_config("moe"), at::kBFloat16);
  const std::string name = "model.layers.0.mlp.experts.gate_up_proj.weight";
  const at::Tensor leaf = small.parameters.leaf(name);
  EXPECT_EQ(leaf.scalar_type(), at::kBFloat16);
  EXPECT_EQ(leaf.grad().scalar_type(), at::kFloat);
  EXPECT_EQ(small.parameters.leaf("model.layers.0.mlp.gate.weight").scalar_type(), at::kFloat);
  EXPECT_EQ(small.parameters.leaf("model.norm.weight").scalar_type(), at::kFloat);

  const at::Tensor master = small.weights().at("model.layers.0.mlp.experts.2.up_proj.weight");
  const auto shadow = [&] { return leaf.detach()[2].narrow(0, 40, 40); };
  EXPECT_TRUE(at::equal(shadow(), master.to(at::kBFloat16)));
  master.mul_(1.5);
  EXPECT_FALSE(at::equal(shadow(), master.to(at::kBFloat16)));
  small.parameters.refresh_shadow();
  EXPECT_TRUE(at::equal(shadow(), master.to(at::kBFloat16)));
}

TEST(Parameters, TakeGradientsOfSixteenBitPassesInFp32) {
  for (const char* model_type : {"dense", "moe"}) {
    SmallModel exact(small_config(model_type)), rounded(small_config(model_type), at::kBFloat16);
    const at::Tensor tokens = some_tokens(4, 24);
    const auto pass = [&](SmallModel& small) {
      const at::Tensor loss = language_loss(small.model, small.model.forward(tokens, true), tokens);
      loss.backward();
      return loss.item<double>();
    };
    // bf16 rounds every activation to 2^-9 of itself; through two layers the loss of 3-4 nats moves by about 1%, and a
    // token may change its expert.
    EXPECT_NEAR(pass(rounded), pass(exact), 0.05) << model_type;
    EXPECT_EQ(rounded.parameters.gradient().scalar_type(), at::kFloat);
    const double norm = flat_norm(exact.parameters.gradient()).item<double>();
    EXPECT_NEAR(flat_norm(rounded.parameters.gradient()).item<double>(), norm, 0.1 * norm) << model_type;
    for (const auto& [name, gradient] : rounded.gradients()) {
      EXPECT_GT(gradient.abs().max().item<float>(), 0.0f) << name;
    }
  }
}

TEST(Parameters, AddUpTheGradientsOfSeveralPasses) {
  SmallModel small(small_config("moe"));
  const at::Tensor tokens = some_tokens(2, 12);
  const auto pass = [&] { language_loss(small.model, small.model.forward(tokens, true), tokens).backward(); };
  pass();
  const at::Tensor once = small.parameters.gradient().clone();
  pass();
  EXPECT_TRUE(at::allclose(small.parameters.gradient(), 2 * once, 1e-5, 1e-7));
}

}  // namespace
}  // namespace mm
