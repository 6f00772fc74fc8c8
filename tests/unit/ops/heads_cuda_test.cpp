// Heads and attention on the CUDA path.
#include <ATen/ops/tensor.h>

#include "cuda_op_test.h"
#include "ops/attention.h"
#include "ops/cuda/launch.h"
#include "ops/rotary.h"

namespace mm {
namespace {

struct HeadCase {
  int64_t batch, time, heads, key_value_heads, head_dim;
};

TEST_P(Cuda, RotaryHeadsEqualTheirDefinition) {
  // All widths of packs, lanes without work, and a width that the kernel does not take.
  const std::vector<HeadCase> cases = {{0, 4, 2, 1, 8},  {1, 1, 1, 1, 2},  {2, 7, 4, 2, 6},  {2, 5, 2, 1, 8},
                                       {2, 9, 3, 1, 24}, {3, 4, 8, 2, 32}, {2, 3, 8, 4, 96}, {1, 3, 2, 1, 66}};
  for (const HeadCase& c : cases) {
    for (const RopeLayout layout : {RopeLayout::kInterleaved, RopeLayout::kHalfSplit}) {
      for (const bool normed : {false, true}) {
        SCOPED_TRACE(testing::Message() << c.batch << " x " << c.time << ", " << c.heads << " and " << c.key_value_heads
                                        << " heads of " << c.head_dim << (normed ? ", normed" : ""));
        const HeadOptions options{c.heads, c.key_value_heads, c.head_dim, 1e-6, layout};
        const auto on = [&](const auto& op, at::Device place) {
          const RopeTable table = make_rope_table(c.time + 1, c.head_dim, 1e4, place);
          return [=](const Tensors& x) {
            const Heads heads = op(x[0], normed ? x[1] : at::Tensor(), normed ? x[2] : at::Tensor(), table, options);
            return Tensors{heads.q_bthc, heads.k_btkc, heads.v_btkc};
          };
        };
        Tensors inputs = {random_tensor({c.batch, c.time, (c.heads + 2 * c.key_value_heads) * c.head_dim}, 6)};
        if (normed) {
          inputs.push_back(random_tensor({c.head_dim}, 7));
          inputs.push_back(random_tensor({c.head_dim}, 8));
        }
        const Op op = on(rotary_heads, device()), definition = on(reference::rotary_heads, at::kCPU);
        if (cuda::takes_head_width(c.head_dim)) {
          expect_kernel(op, definition, inputs, {false, true, true});
        } else {
          expect_op(op, definition, inputs, {false, true, true});
        }
      }
    }
  }
}

TEST_P(Cuda, RotaryHeadsOfMoreRowsThanPartialSumsEqualTheirDefinition) {
  const HeadOptions options{1, 1, 2, 1e-6, RopeLayout::kHalfSplit};
  const auto on = [&](const auto& op, at::Device place) {
    const RopeTable table = make_rope_table(1027, 2, 1e4, place);
    return [=](const Tensors& x) { return Tensors{op(x[0], x[1], at::Tensor(), table, options).q_bthc}; };
  };
  expect_kernel(on(rotary_heads, device()), on(reference::rotary_heads, at::kCPU),
                {random_tensor({131, 1027, 6}, 6), random_tensor({2}, 7)}, {false, true});
}

TEST_P(Cuda, RotaryHeadsLeaveValuesWhereTheyAre) {
  const at::Tensor qkv = rounded(random_tensor({2, 3, 32}, 9)).to(device());
  const Heads heads = on_device([&] {
    return rotary_heads(qkv, {}, {}, make_rope_table(3, 8, 1e4, device()), {2, 1, 8, 1e-6, RopeLayout::kHalfSplit});
  });
  EXPECT_EQ(heads.v_btkc.const_data_ptr(), qkv.narrow(2, 24, 8).const_data_ptr());
}

TEST_P(Cuda, AttentionEqualsTheCpu) {
  const auto attend = [](const Tensors& x) { return Tensors{causal_attention({x[0], x[1], x[2]}, 0.0)}; };
  expect_op(attend, attend,
            {random_tensor({2, 48, 8, 64}, 9), random_tensor({2, 48, 2, 64}, 10), random_tensor({2, 48, 2, 64}, 11)},
            {false, false, false});
}

TEST_P(Cuda, AttentionWithinDocumentsEqualsThatByAMask) {
  const std::vector<int64_t> lengths = {40, 1, 3, 129, 83};
  const auto documents_on = [&](at::Device where) {
    const at::Tensor ends_s = at::tensor({0, 40, 41, 44, 173, 256, 256, 256}, at::kInt).to(where);
    return lay_out_documents(lengths, ends_s, /*longest=*/130, /*tokens=*/256);
  };
  const Documents here = documents_on(device()), on_host = documents_on(at::kCPU);
  expect_op(
      [&](const Tensors& x) {
        return Tensors{document_attention({x[0], x[1], x[2]}, here, 0.0)};
      },
      [&](const Tensors& x) {
        return Tensors{reference::document_attention({x[0], x[1], x[2]}, on_host, 0.0)};
      },
      {random_tensor({1, 256, 8, 64}, 9), random_tensor({1, 256, 2, 64}, 10), random_tensor({1, 256, 2, 64}, 11)},
      {false, false, false});
}

}  // namespace
}  // namespace mm
