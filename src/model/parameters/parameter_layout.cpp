// Lays out every parameter of a config: joined and stacked as the forward pass reads it, named as checkpoints do.
#include "model/parameters/parameter_layout.h"

#include <algorithm>

#include "core/error.h"

namespace mm {
namespace {

constexpr int64_t kAlignment = 16;

int64_t round_up(int64_t number, int64_t multiple) {
  return (number + multiple - 1) / multiple * multiple;
}

/// Collects tensors layer by layer; offsets of slices are relative to their stored tensor until `finish`.
class LayoutBuilder {
 public:
  void store(const std::string& name, ParameterKind kind, std::vector<int64_t> shape,
             std::vector<int64_t> part_rows = {}) {
    layout_.stored.push_back({name, kind, std::move(shape), std::move(part_rows)});
  }

  /// Names a part of the tensor stored last: `offset` elements in, rows `row_stride` apart.
  void slice(const std::string& name, std::vector<int64_t> shape, int64_t offset, int64_t row_stride) {
    std::vector<int64_t> strides = shape.size() == 2 ? std::vector<int64_t>{row_stride, 1} : std::vector<int64_t>{1};
    layout_.named.push_back({name, layout_.stored.back().kind, std::move(shape), std::move(strides), offset});
    owner_.push_back(layout_.stored.size() - 1);
  }

  /// A stored tensor that checkpoints know under one name.
  void whole(const std::string& name, ParameterKind kind, std::vector<int64_t> shape) {
    store(name, kind, shape);
    const int64_t row = shape.back();
    slice(name, std::move(shape), 0, row);
  }

  /// The same matrix of several routed experts.
  void experts(const std::string& name, std::vector<int64_t> shape, std::vector<int64_t> part_rows = {}) {
    store(name, ParameterKind::kMatrix, std::move(shape), std::move(part_rows));
    layout_.stored.back().per_expert = true;
  }

  /// An embedding or a head.
  void tokens(const std::string& name, std::vector<int64_t> shape) {
    whole(name, ParameterKind::kMatrix, std::move(shape));
    layout_.stored.back().token_rows = true;
  }

  /// Experts that are not of all processes stand before what is.
  ParameterLayout finish(bool experts_apart) {
    int64_t offset = 0;
    const auto place = [&](StoredTensor& tensor) {
      tensor.offset = offset;
      offset = round_up(offset + element_count(tensor.shape), kAlignment);
    };
    const auto is_apart = [&](const StoredTensor& tensor) { return experts_apart && tensor.per_expert; };
    for (StoredTensor& tensor : layout_.stored) {
      if (is_apart(tensor)) place(tensor);
    }
    layout_.experts_end = offset = round_up(offset, kFlatMultiple);
    for (ParameterKind kind : {ParameterKind::kMatrix, ParameterKind::kGate, ParameterKind::kVector}) {
      for (StoredTensor& tensor : layout_.stored) {
        if (tensor.kind == kind && !is_apart(tensor)) place(tensor);
      }
      if (kind == ParameterKind::kMatrix) layout_.matrix_end = offset;
      if (kind == ParameterKind::kGate) layout_.decayed_end = offset;
    }
    layout_.size = round_up(offset, kFlatMultiple);
    for (size_t i = 0; i < layout_.named.size(); ++i) layout_.named[i].offset += layout_.stored[owner_[i]].offset;
    return std::move(layout_);
  }

 private:
  ParameterLayout layout_;
  std::vector<size_t> owner_;  // of each named slice
};

void add_attention(LayoutBuilder& builder, const ModelConfig& config, const std::string& prefix) {
  const int64_t d = config.hidden_size, q = config.attention_width(), k = config.key_value_width();
  builder.store(prefix + "qkv_proj.weight", ParameterKind::kMatrix, {q + 2 * k, d}, {q, k, k});
  builder.slice(prefix + "q_proj.weight", {q, d}, 0, d);
  builder.slice(prefix + "k_proj.weight", {k, d}, q * d, d);
  builder.slice(prefix + "v_proj.weight", {k, d}, (q + k) * d, d);
  builder.whole(prefix + "o_proj.weight", ParameterKind::kMatrix, {d, q});
  if (config.qk_norm) {
    builder.whole(prefix + "q_norm.weight", ParameterKind::kVector, {*config.head_dim});
    builder.whole(prefix + "k_norm.weight", ParameterKind::kVector, {*config.head_dim});
  }
}

void add_feed_forward(LayoutBuilder& builder, int64_t d, int64_t width, const std::string& prefix) {
  builder.store(prefix + "gate_up_proj.weight", ParameterKind::kMatrix, {2 * width, d}, {width, width});
  builder.slice(prefix + "gate_proj.weight", {width, d}, 0, d);
  builder.slice(prefix + "up_proj.weight", {width, d}, width * d, d);
  builder.whole(prefix + "down_proj.weight", ParameterKind::kMatrix, {d, width});
}

void add_experts(LayoutBuilder& builder, ExpertRange experts, int64_t d, int64_t width, const std::string& prefix) {
  const auto expert = [&](int64_t e) { return prefix + "experts." + std::to_string(experts.first + e) + "."; };
  builder.experts(prefix + "experts.gate_up_proj.weight", {experts.count, 2 * width, d}, {width, width});
  for (int64_t e = 0; e < experts.count; ++e) {
    builder.slice(expert(e) + "gate_proj.weight", {width, d}, 2 * e * width * d, d);
    builder.slice(expert(e) + "up_proj.weight", {width, d}, (2 * e + 1) * width * d, d);
  }
  builder.experts(prefix + "experts.down_proj.weight", {experts.count, d, width});
  for (int64_t e = 0; e < experts.count; ++e) {
    builder.slice(expert(e) + "down_proj.weight", {d, width}, e * d * width, width);
  }
}

/// Shared experts all see every token with weight 1, so they are stored as one network of their joint width.
void add_shared_experts(LayoutBuilder& builder, int64_t shared, int64_t d, int64_t width, const std::string& prefix) {
  const auto expert = [&](int64_t s) { return prefix + "shared_experts." + std::to_string(s) + "."; };
  builder.store(prefix + "shared_experts.gate_up_proj.weight", ParameterKind::kMatrix, {2 * shared * width, d},
                {shared * width, shared * width});
  for (int64_t s = 0; s < shared; ++s) {
    builder.slice(expert(s) + "gate_proj.weight", {width, d}, s * width * d, d);
    builder.slice(expert(s) + "up_proj.weight", {width, d}, (shared + s) * width * d, d);
  }
  builder.store(prefix + "shared_experts.down_proj.weight", ParameterKind::kMatrix, {d, shared * width});
  for (int64_t s = 0; s < shared; ++s) {
    builder.slice(expert(s) + "down_proj.weight", {d, width}, s * width, shared * width);
  }
}

/// A router with a hidden layer has the names of a Sequential(Linear, SiLU, Linear).
void add_router(LayoutBuilder& builder, int64_t d, const MoeConfig& moe, const std::string& prefix) {
  if (moe.router_hidden_size == 0) {
    builder.whole(prefix + "weight", ParameterKind::kGate, {moe.num_experts, d});
    return;
  }
  builder.whole(prefix + "0.weight", ParameterKind::kGate, {moe.router_hidden_size, d});
  builder.whole(prefix + "2.weight", ParameterKind::kGate, {moe.num_experts, moe.router_hidden_size});
}

void add_mixture(LayoutBuilder& builder, int64_t d, const MoeConfig& moe, ExpertRange experts,
                 const std::string& prefix) {
  add_router(builder, d, moe, prefix + "gate.");
  add_experts(builder, experts, d, *moe.moe_intermediate_size, prefix);
  if (moe.n_shared_experts == 0) return;
  add_shared_experts(builder, moe.n_shared_experts, d, *moe.shared_expert_intermediate_size, prefix);
  if (moe.shared_expert_gate) builder.whole(prefix + "shared_expert_gate.weight", ParameterKind::kGate, {1, d});
}

}  // namespace

int64_t element_count(const std::vector<int64_t>& shape) {
  int64_t count = 1;
  for (int64_t size : shape) count *= size;
  return count;
}

const StoredTensor& ParameterLayout::find(const std::string& stored_name) const {
  const auto found = std::find_if(stored.begin(), stored.end(), [&](const auto& t) { return t.name == stored_name; });
  require(found != stored.end(), "no stored tensor of this name");
  return *found;
}

ParameterLayout parameter_layout(const ModelConfig& config, ExpertRange experts) {
  LayoutBuilder builder;
  const bool has_some = experts.count > 0;
  if (!has_some) experts = {.first = 0, .count = config.moe.num_experts};
  const int64_t d = config.hidden_size;
  builder.tokens("model.embed_tokens.weight", {config.vocab_size, d});
  for (int64_t layer = 0; layer < config.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    add_attention(builder, config, prefix + "self_attn.");
    builder.whole(prefix + "input_layernorm.weight", ParameterKind::kVector, {d});
    builder.whole(prefix + "post_attention_layernorm.weight", ParameterKind::kVector, {d});
    if (config.is_moe_layer(layer)) {
      add_mixture(builder, d, config.moe, experts, prefix + "mlp.");
    } else {
      add_feed_forward(builder, d, *config.intermediate_size, prefix + "mlp.");
    }
  }
  builder.whole("model.norm.weight", ParameterKind::kVector, {d});
  if (!config.tie_word_embeddings) builder.tokens("lm_head.weight", {config.vocab_size, d});
  return builder.finish(/*experts_apart=*/has_some);
}

std::vector<std::string> router_bias_names(const ModelConfig& config) {
  std::vector<std::string> names;
  if (!config.is_moe() || !config.moe.has_router_bias()) return names;
  for (int64_t layer = config.moe.first_k_dense_replace; layer < config.num_hidden_layers; ++layer) {
    names.push_back("model.layers." + std::to_string(layer) + ".mlp.gate.e_score_correction_bias");
  }
  return names;
}

}  // namespace mm
