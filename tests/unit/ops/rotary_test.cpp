// Splitting, normalising and turning heads on the CPU against the definition.
#include "ops/rotary.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/atan2.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full_like.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "compare.h"

namespace mm {
namespace {

constexpr double kTolerance = 3e-6;  // of the largest value; norm weights sum over all rows in another order

struct Case {
  int64_t batch, time, heads, key_value_heads, head_dim;
};

HeadOptions options_of(const Case& c, RopeLayout layout) {
  return {c.heads, c.key_value_heads, c.head_dim, 1e-5, layout};
}

void expect_heads_equal_definition(const Case& c, RopeLayout layout, bool normed) {
  const RopeTable table = make_rope_table(c.time + 3, c.head_dim, 1e4, at::kCPU);
  const HeadOptions options = options_of(c, layout);
  const auto with = [&](const auto& op) {
    return [&, op](const Tensors& inputs) {
      const Heads heads =
          op(inputs[0], normed ? inputs[1] : at::Tensor(), normed ? inputs[2] : at::Tensor(), table, options);
      return Tensors{heads.q_bthc, heads.k_btkc, heads.v_btkc};
    };
  };
  Tensors inputs = {random_tensor({c.batch, c.time, (c.heads + 2 * c.key_value_heads) * c.head_dim}, 1)};
  if (normed) {
    inputs.push_back(random_tensor({c.head_dim}, 2));
    inputs.push_back(random_tensor({c.head_dim}, 3));
  }
  SCOPED_TRACE(testing::Message() << c.batch << " " << c.time << " " << c.heads << " " << c.key_value_heads << " "
                                  << c.head_dim << (normed ? " normed" : ""));
  expect_same_op(with(rotary_heads), with(reference::rotary_heads), inputs, kTolerance);
}

TEST(RotaryHeads, EqualTheDefinitionInBothLayoutsWithAndWithoutNormAndWithGroupedQueries) {
  const std::vector<Case> cases = {{1, 1, 1, 1, 2}, {2, 7, 4, 2, 6}, {1, 33, 3, 1, 10}, {3, 65, 8, 2, 32}};
  for (const Case& c : cases) {
    for (RopeLayout layout : {RopeLayout::kInterleaved, RopeLayout::kHalfSplit}) {
      expect_heads_equal_definition(c, layout, false);
      expect_heads_equal_definition(c, layout, true);
    }
  }
}

/// Angles of the second position: the frequencies.
at::Tensor frequencies(int64_t head_dim, const RopeScaling& scaling) {
  const RopeTable table = make_rope_table(2, head_dim, 1e6, at::kCPU, scaling);
  return at::atan2(table.sine_tf[1], table.cosine_tf[1]);
}

TEST(RopeTable, YarnDividesSlowFrequenciesAndKeepsFastOnes) {
  // MiniMind's: of 32 pairs, those up to 5 turn 32 times in 2,048 positions, those from 14 on less than once.
  const RopeScaling minimind{.factor = 16, .original_length = 2048};
  const at::Tensor ratio_f = frequencies(64, minimind) / frequencies(64, {});
  for (int64_t pair = 0; pair < 32; ++pair) {
    const double slow = std::clamp((static_cast<double>(pair) - 5) / 9, 0.0, 1.0);
    EXPECT_NEAR(ratio_f[pair].item<double>(), 1 - slow + slow / 16, 1e-5) << pair;
  }
  const at::Tensor wide_f = frequencies(96, minimind) / frequencies(96, {});
  EXPECT_NEAR(wide_f[8].item<double>(), 1, 1e-5);
  EXPECT_NEAR(wide_f[9].item<double>(), 1 - 15.0 / 16 / 13, 1e-5);
  EXPECT_NEAR(wide_f[21].item<double>(), 1.0 / 16, 1e-5);
}

TEST(RopeTable, TheAttentionFactorIsOnCosineAndSine) {
  const RopeScaling scaling{.factor = 4, .original_length = 64, .attention_factor = 1.5};
  const RopeTable table = make_rope_table(8, 16, 1e4, at::kCPU, scaling);
  const at::Tensor length_tf = (table.cosine_tf.square() + table.sine_tf.square()).sqrt();
  EXPECT_TRUE(at::allclose(length_tf, at::full_like(length_tf, 1.5)));
}

TEST(RotaryHeads, LeaveTheFirstPositionAndAllValuesUnturned) {
  const Case c{1, 5, 2, 1, 8};
  const at::Tensor qkv = random_tensor({1, 5, 32}, 4);
  const Heads heads =
      rotary_heads(qkv, {}, {}, make_rope_table(5, 8, 1e6, at::kCPU), options_of(c, RopeLayout::kHalfSplit));
  EXPECT_TRUE(at::equal(heads.q_bthc[0][0].flatten(), qkv[0][0].narrow(0, 0, 16)));
  EXPECT_TRUE(at::equal(heads.v_btkc.flatten(2), qkv.narrow(2, 24, 8)));
  EXPECT_FALSE(at::equal(heads.q_bthc[0][1].flatten(), qkv[0][1].narrow(0, 0, 16)));
}

TEST(RotaryHeads, MakeScoresDependOnTheDistanceAlone) {
  const Case c{1, 12, 1, 1, 16};
  const at::Tensor row = random_tensor({1, 1, 48}, 5);
  for (RopeLayout layout : {RopeLayout::kInterleaved, RopeLayout::kHalfSplit}) {
    const Heads heads =
        rotary_heads(row.expand({1, 12, 48}), {}, {}, make_rope_table(12, 16, 1e4, at::kCPU), options_of(c, layout));
    const at::Tensor q = heads.q_bthc.squeeze(2)[0], k = heads.k_btkc.squeeze(2)[0];
    EXPECT_NEAR(q[9].dot(k[4]).item<float>(), q[6].dot(k[1]).item<float>(), 1e-4);
  }
}

TEST(RotaryHeads, LetANanThroughToItsHeadAndToNoOther) {
  const Case c{1, 2, 2, 1, 8};
  at::Tensor qkv = random_tensor({1, 2, 32}, 6);
  qkv[0][1][8] = kNan;  // second query head of the second position
  const Heads heads = rotary_heads(qkv, at::ones({8}), at::ones({8}), make_rope_table(2, 8, 1e4, at::kCPU),
                                   options_of(c, RopeLayout::kHalfSplit));
  EXPECT_EQ(count_nan(heads.q_bthc[0][1][1]), 8);
  EXPECT_EQ(count_nan(heads.q_bthc), 8);
  EXPECT_EQ(count_nan(heads.k_btkc) + count_nan(heads.v_btkc), 0);
}

}  // namespace
}  // namespace mm
