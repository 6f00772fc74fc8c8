// Splitting, normalising and turning heads on the CPU against the definition.
#include "ops/rotary.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/ones.h>

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
