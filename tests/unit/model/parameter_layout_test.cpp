// The flat buffer: nothing lost, nothing twice, kinds in order.
#include "model/parameters/parameter_layout.h"

#include <functional>
#include <set>

#include "core/error.h"
#include "model/parameters/count.h"
#include "small_model.h"

namespace mm {
namespace {

std::vector<ModelConfig> some_configs() {
  ModelConfig moe = small_config("moe");
  moe.moe.n_shared_experts = 2;
  moe.moe.num_experts = 3;
  moe.qk_norm = true;
  ModelConfig gated = small_config("moe");
  gated.moe.router_hidden_size = 24;
  gated.moe.n_shared_experts = 1;
  gated.moe.shared_expert_intermediate_size = 16;
  gated.moe.shared_expert_gate = true;
  ModelConfig untied = small_config("dense");
  untied.tie_word_embeddings = false;
  untied.vocab_size = 51;
  untied.num_attention_heads = 3;
  untied.num_key_value_heads = 1;
  untied.head_dim = 10;
  return {resolved(small_config("dense")),
          resolved(small_config("moe")),
          resolved(moe),
          resolved(gated),
          resolved(untied),
          resolved(small_dense_first_config())};
}

void for_each_element(const NamedSlice& slice, const std::function<void(int64_t)>& visit) {
  const int64_t rows = slice.shape.size() == 2 ? slice.shape[0] : 1;
  const int64_t row_stride = slice.shape.size() == 2 ? slice.strides[0] : 0;
  for (int64_t row = 0; row < rows; ++row) {
    for (int64_t column = 0; column < slice.shape.back(); ++column) {
      visit(slice.offset + row * row_stride + column * slice.strides.back());
    }
  }
}

TEST(ParameterLayout, HoldsEveryElementOfEveryCheckpointTensorExactlyOnce) {
  for (const ModelConfig& config : some_configs()) {
    const ParameterLayout layout = parameter_layout(config);
    std::vector<int> named(static_cast<size_t>(layout.size), 0), stored = named;
    int64_t elements = 0;
    std::set<std::string> names;
    for (const NamedSlice& slice : layout.named) {
      EXPECT_TRUE(names.insert(slice.name).second) << slice.name;
      for_each_element(slice, [&](int64_t at) {
        ++named.at(static_cast<size_t>(at));
        ++elements;
      });
    }
    for (const StoredTensor& tensor : layout.stored) {
      int64_t count = 1;
      for (int64_t size : tensor.shape) count *= size;
      for (int64_t i = 0; i < count; ++i) ++stored.at(static_cast<size_t>(tensor.offset + i));
    }
    EXPECT_EQ(*std::max_element(named.begin(), named.end()), 1);
    EXPECT_EQ(named, stored);  // what is stored is what is named; the gaps belong to neither
    EXPECT_EQ(elements, count_parameters(config).total);
  }
}

TEST(ParameterLayout, PutsMatricesFirstThenGatesThenVectors) {
  for (const ModelConfig& config : some_configs()) {
    const ParameterLayout layout = parameter_layout(config);
    for (const StoredTensor& tensor : layout.stored) {
      EXPECT_EQ(tensor.offset % 16, 0) << tensor.name;
      EXPECT_EQ(tensor.kind == ParameterKind::kMatrix, tensor.offset < layout.matrix_end) << tensor.name;
      EXPECT_EQ(tensor.kind != ParameterKind::kVector, tensor.offset < layout.decayed_end) << tensor.name;
      EXPECT_EQ(tensor.kind == ParameterKind::kVector, tensor.name.find("norm") != std::string::npos) << tensor.name;
      const bool gate =
          tensor.name.find("mlp.gate.") != std::string::npos || tensor.name.ends_with("expert_gate.weight");
      EXPECT_EQ(tensor.kind == ParameterKind::kGate, gate) << tensor.name;
    }
    EXPECT_LE(layout.matrix_end, layout.decayed_end);
    EXPECT_LE(layout.decayed_end, layout.size);
    EXPECT_EQ(layout.size % kFlatMultiple, 0);
  }
}

TEST(ParameterLayout, NamesTensorsAsHuggingFaceDoes) {
  ModelConfig config = small_config("moe");
  config.num_hidden_layers = 1;
  config.moe.num_experts = 1;
  config.moe.num_experts_per_tok = 1;
  config.moe.n_shared_experts = 1;
  config.qk_norm = true;
  config.tie_word_embeddings = false;
  std::set<std::string> names;
  for (const NamedSlice& slice : parameter_layout(resolved(config)).named) names.insert(slice.name);
  const std::string layer = "model.layers.0.", attention = layer + "self_attn.", mlp = layer + "mlp.";
  const std::set<std::string> expected = {
      "model.embed_tokens.weight",
      attention + "q_proj.weight",
      attention + "k_proj.weight",
      attention + "v_proj.weight",
      attention + "o_proj.weight",
      attention + "q_norm.weight",
      attention + "k_norm.weight",
      layer + "input_layernorm.weight",
      layer + "post_attention_layernorm.weight",
      mlp + "gate.weight",
      mlp + "experts.0.gate_proj.weight",
      mlp + "experts.0.up_proj.weight",
      mlp + "experts.0.down_proj.weight",
      mlp + "shared_experts.0.gate_proj.weight",
      mlp + "shared_experts.0.up_proj.weight",
      mlp + "shared_experts.0.down_proj.weight",
      "model.norm.weight",
      "lm_head.weight",
  };
  EXPECT_EQ(names, expected);
}

TEST(ParameterLayout, NamesARouterWithAHiddenLayerAsASequence) {
  ModelConfig config = small_config("moe");
  config.moe.router_hidden_size = 24;
  config.moe.n_shared_experts = 1;
  config.moe.shared_expert_gate = true;
  const ParameterLayout layout = parameter_layout(resolved(config));
  const std::string mlp = "model.layers.1.mlp.";
  EXPECT_EQ(layout.find(mlp + "gate.0.weight").shape, (std::vector<int64_t>{24, 32}));
  EXPECT_EQ(layout.find(mlp + "gate.2.weight").shape, (std::vector<int64_t>{4, 24}));
  EXPECT_EQ(layout.find(mlp + "shared_expert_gate.weight").shape, (std::vector<int64_t>{1, 32}));
  EXPECT_THROW(layout.find(mlp + "gate.weight"), Error);
}

TEST(ParameterLayout, HasDenseLayersOfTheirOwnWidthBeforeRoutedOnes) {
  ModelConfig config = small_dense_first_config();
  config.moe.balance = "bias";
  const ParameterLayout layout = parameter_layout(resolved(config));
  EXPECT_EQ(layout.find("model.layers.0.mlp.gate_up_proj.weight").shape, (std::vector<int64_t>{48, 32}));
  EXPECT_EQ(layout.find("model.layers.1.mlp.experts.gate_up_proj.weight").shape, (std::vector<int64_t>{4, 80, 32}));
  EXPECT_THROW(layout.find("model.layers.0.mlp.gate.weight"), Error);
  EXPECT_THROW(layout.find("model.layers.1.mlp.gate_up_proj.weight"), Error);
  EXPECT_EQ(router_bias_names(resolved(config)),
            (std::vector<std::string>{"model.layers.1.mlp.gate.e_score_correction_bias",
                                      "model.layers.2.mlp.gate.e_score_correction_bias"}));
}

TEST(ParameterLayout, FindsWhatItStoresAndRefusesOtherNames) {
  const ParameterLayout layout = parameter_layout(resolved(small_config("dense")));
  EXPECT_EQ(layout.find("model.layers.1.mlp.gate_up_proj.weight").shape, (std::vector<int64_t>{80, 32}));
  EXPECT_THROW(layout.find("model.layers.2.mlp.gate_up_proj.weight"), Error);
}

}  // namespace
}  // namespace mm
