// Layer by layer, in the order of transformers' modules.
#include "interchange/export/huggingface_tensors.h"

#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>
#include <ATen/ops/zeros_like.h>

#include "core/json/json_text.h"
#include "interchange/tensors/key_names.h"
#include "interchange/tensors/model_tensors.h"

namespace mm {
namespace {

class HuggingFaceMapping {
 public:
  HuggingFaceMapping(const NamedTensors& tensors, const ModelConfig& model, HuggingFaceClass target, std::string where)
      : from_(tensors, model, "half_split"), model_(model), target_(target), where_(std::move(where)) {}

  NamedTensors map() {
    copy(std::string(kEmbeddingName));
    for (int64_t layer = 0; layer < model_.num_hidden_layers; ++layer) {
      const std::string prefix = ModelTensors::layer_prefix(layer);
      add_norm(prefix + "input_layernorm.weight");
      add_attention(prefix + "self_attn.");
      add_norm(prefix + "post_attention_layernorm.weight");
      if (model_.is_moe_layer(layer)) {
        add_router(layer, prefix + "mlp.");
        add_experts(prefix + "mlp.");
        add_shared_experts(layer, prefix + "mlp.");
      } else {
        for (const char* part : {"gate_proj", "up_proj", "down_proj"}) copy(prefix + "mlp." + part + ".weight");
      }
    }
    add_norm("model.norm.weight");
    if (!model_.tie_word_embeddings) copy(std::string(kHeadName));
    return std::move(out_);
  }

 private:
  bool is(HuggingFaceClass target) const { return target_ == target; }
  /// Shared experts stand behind a gate that ours need not have.
  bool gates_shared() const { return is(HuggingFaceClass::kQwen2Moe) || is(HuggingFaceClass::kQwen3Next); }

  void add(const std::string& name, at::Tensor tensor) { out_.emplace_back(name, std::move(tensor)); }
  void copy(const std::string& name) { add(name, from_.at(name)); }
  void add_scaled(const std::string& name, const at::Tensor& tensor, double factor) {
    add(name, scaled(tensor, factor, where_ + ":" + show_key(name)));
  }

  void add_norm(const std::string& name) {
    if (!is(HuggingFaceClass::kQwen3Next)) return copy(name);
    const at::Tensor weight = from_.at(name);
    add(name, (weight.to(at::kFloat) - 1).to(weight.scalar_type()));
  }

  void add_attention(const std::string& prefix) {
    const auto weight = [&](const char* part) { return prefix + part + "_proj.weight"; };
    if (is(HuggingFaceClass::kQwen3Next)) {
      // Each head's rows, then the rows of its gate.
      const at::Tensor q = from_.at(weight("q"));
      const at::Tensor heads = q.reshape({model_.num_attention_heads, *model_.head_dim, model_.hidden_size});
      add(weight("q"), at::stack({heads, at::zeros_like(heads)}, 1).reshape({2 * q.size(0), model_.hidden_size}));
      copy(weight("k"));
      copy(weight("v"));
      add_scaled(weight("o"), from_.at(weight("o")), 2);
    } else {
      for (const char* part : {"q", "k", "v", "o"}) copy(weight(part));
    }
    if (is(HuggingFaceClass::kQwen2Moe)) {
      for (const char* part : {"q", "k", "v"}) {
        const at::Tensor matrix = from_.at(weight(part));
        add(prefix + part + "_proj.bias", at::zeros({matrix.size(0)}, matrix.options()));
      }
    }
    if (model_.qk_norm) {
      for (const char* part : {"q_norm", "k_norm"}) add_norm(prefix + part + ".weight");
    }
  }

  void add_router(int64_t layer, const std::string& prefix) {
    copy(prefix + "gate.weight");
    if (is(HuggingFaceClass::kGlm4Moe)) add(prefix + "gate.e_score_correction_bias", from_.router_bias(layer));
  }

  void add_experts(const std::string& prefix) {
    const double factor = is(HuggingFaceClass::kGlm4Moe) ? 1 : model_.moe.routed_scaling_factor;
    for (int64_t e = 0; e < model_.moe.num_experts; ++e) {
      const std::string expert = prefix + "experts." + std::to_string(e) + ".";
      copy(expert + "gate_proj.weight");
      copy(expert + "up_proj.weight");
      add_scaled(expert + "down_proj.weight", from_.at(expert + "down_proj.weight"), factor);
    }
  }

  void add_shared_experts(int64_t layer, const std::string& prefix) {
    if (is(HuggingFaceClass::kQwen3Moe)) return;
    const NetworkTensors shared = from_.shared_experts(layer, exported_shared_width(model_, target_));
    const std::string network = prefix + (gates_shared() ? "shared_expert." : "shared_experts.");
    const bool half_open = gates_shared() && !model_.moe.shared_expert_gate;
    add(network + "gate_proj.weight", shared.gate);
    add(network + "up_proj.weight", shared.up);
    add_scaled(network + "down_proj.weight", shared.down, half_open ? 2 : 1);
    if (!gates_shared()) return;
    const std::string gate = prefix + "shared_expert_gate.weight";
    add(gate, half_open ? at::zeros({1, model_.hidden_size}, shared.gate.options()) : from_.at(gate));
  }

  ModelTensors from_;
  const ModelConfig& model_;
  HuggingFaceClass target_;
  std::string where_;
  NamedTensors out_;
};

}  // namespace

NamedTensors huggingface_tensors(const NamedTensors& tensors, const ModelConfig& model, HuggingFaceClass target,
                                 const std::string& where) {
  return HuggingFaceMapping(tensors, model, target, where).map();
}

bool stays_fp32(const std::string& name) {
  return name.ends_with(".e_score_correction_bias");
}

}  // namespace mm
