// Which weights are matrices between hidden states, as stacks.
#include "optim/muon/matrix_stack.h"

#include <gtest/gtest.h>

#include "core/text.h"
#include "tests/unit/model/small_model.h"

namespace mm {
namespace {

std::vector<std::string> shapes_of(const ParameterLayout& layout, bool by_part) {
  std::vector<std::string> shapes;
  for (const MatrixStack& stack : matrix_stacks(layout, by_part)) {
    shapes.push_back(format("%s %lld x %lld x %lld", layout.stored[stack.tensor].name.c_str(),
                            static_cast<long long>(stack.count), static_cast<long long>(stack.rows),
                            static_cast<long long>(stack.columns)));
  }
  return shapes;
}

TEST(MatrixStack, JoinedMatricesAreTakenApartOrNot) {
  ModelConfig config = small_config("moe");
  config.num_hidden_layers = 1;
  config.moe.moe_intermediate_size = 48;
  config.moe.n_shared_experts = 2;
  config.moe.shared_expert_intermediate_size = 24;
  const ParameterLayout layout = parameter_layout(resolved(config));
  using Shapes = std::vector<std::string>;
  const std::string layer = "model.layers.0.";
  EXPECT_EQ(
      shapes_of(layout, true),
      (Shapes{layer + "self_attn.qkv_proj.weight 1 x 32 x 32", layer + "self_attn.qkv_proj.weight 1 x 16 x 32",
              layer + "self_attn.qkv_proj.weight 1 x 16 x 32", layer + "self_attn.o_proj.weight 1 x 32 x 32",
              layer + "mlp.experts.gate_up_proj.weight 8 x 48 x 32", layer + "mlp.experts.down_proj.weight 4 x 32 x 48",
              layer + "mlp.shared_experts.gate_up_proj.weight 2 x 48 x 32",
              layer + "mlp.shared_experts.down_proj.weight 1 x 32 x 48"}));
  EXPECT_EQ(
      shapes_of(layout, false),
      (Shapes{layer + "self_attn.qkv_proj.weight 1 x 64 x 32", layer + "self_attn.o_proj.weight 1 x 32 x 32",
              layer + "mlp.experts.gate_up_proj.weight 4 x 96 x 32", layer + "mlp.experts.down_proj.weight 4 x 32 x 48",
              layer + "mlp.shared_experts.gate_up_proj.weight 1 x 96 x 32",
              layer + "mlp.shared_experts.down_proj.weight 1 x 32 x 48"}));
}

TEST(MatrixStack, CoversTheLayersMatricesOnce) {
  for (const bool by_part : {true, false}) {
    const ParameterLayout layout = parameter_layout(resolved(small_config("moe")));
    std::vector<int> covered(static_cast<size_t>(layout.size), 0);
    for (const MatrixStack& stack : matrix_stacks(layout, by_part)) {
      for (int64_t i = 0; i < stack.count * stack.rows * stack.columns; ++i) {
        const int64_t size = stack.rows * stack.columns;
        ++covered.at(static_cast<size_t>(stack.offset + i / size * stack.distance + i % size));
      }
    }
    for (const StoredTensor& stored : layout.stored) {
      const bool matrix = stored.name.find("_proj") != std::string::npos;
      for (int64_t i = 0; i < element_count(stored.shape); ++i) {
        ASSERT_EQ(covered[static_cast<size_t>(stored.offset + i)], matrix ? 1 : 0) << stored.name;
      }
    }
  }
}

}  // namespace
}  // namespace mm
