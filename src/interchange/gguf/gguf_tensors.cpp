// Layer by layer, the experts of one stacked.
#include "interchange/gguf/gguf_tensors.h"

#include "interchange/tensors/key_names.h"
#include "interchange/tensors/model_tensors.h"

namespace mm {
namespace {

class GgufMapping {
 public:
  GgufMapping(const NamedTensors& tensors, const ModelConfig& model, GgufArchitecture architecture, GgufType matrices)
      : from_(tensors, model, architecture == GgufArchitecture::kLlama ? "interleaved" : "half_split"),
        model_(model),
        architecture_(architecture),
        matrices_(matrices) {}

  std::vector<GgufTensor> map() {
    add_matrix("token_embd.weight", from_.at(kEmbeddingName));
    for (int64_t layer = 0; layer < model_.num_hidden_layers; ++layer) {
      const std::string from = ModelTensors::layer_prefix(layer), to = "blk." + std::to_string(layer) + ".";
      add_vector(to + "attn_norm.weight", from_.at(from + "input_layernorm.weight"));
      add_attention(from + "self_attn.", to);
      const bool glm = architecture_ == GgufArchitecture::kGlm4Moe;
      add_vector(to + (glm ? "post_attention_norm.weight" : "ffn_norm.weight"),
                 from_.at(from + "post_attention_layernorm.weight"));
      if (model_.is_moe_layer(layer)) {
        add_experts(layer, from + "mlp.", to);
      } else {
        add_network(from_.network(from + "mlp."), to, "");
      }
    }
    add_vector("output_norm.weight", from_.at("model.norm.weight"));
    if (!model_.tie_word_embeddings) add_matrix("output.weight", from_.at(kHeadName));
    return std::move(out_);
  }

 private:
  void add_vector(const std::string& name, const at::Tensor& tensor) {
    out_.push_back({name, GgufType::kF32, tensor.sizes().vec(), {tensor}});
  }

  void add_matrix(const std::string& name, const at::Tensor& tensor) {
    out_.push_back({name, type_of(tensor), tensor.sizes().vec(), {tensor}});
  }

  GgufType type_of(const at::Tensor& tensor) const {
    const bool in_blocks = tensor.size(-1) % kQ8Block == 0;
    return matrices_ == GgufType::kQ8 && !in_blocks ? GgufType::kF16 : matrices_;
  }

  void add_attention(const std::string& from, const std::string& to) {
    add_matrix(to + "attn_q.weight", from_.at(from + "q_proj.weight"));
    add_matrix(to + "attn_k.weight", from_.at(from + "k_proj.weight"));
    add_matrix(to + "attn_v.weight", from_.at(from + "v_proj.weight"));
    add_matrix(to + "attn_output.weight", from_.at(from + "o_proj.weight"));
    if (!model_.qk_norm) return;
    add_vector(to + "attn_q_norm.weight", from_.at(from + "q_norm.weight"));
    add_vector(to + "attn_k_norm.weight", from_.at(from + "k_norm.weight"));
  }

  void add_network(const NetworkTensors& network, const std::string& to, const std::string& ending) {
    add_matrix(to + "ffn_gate" + ending + ".weight", network.gate);
    add_matrix(to + "ffn_up" + ending + ".weight", network.up);
    add_matrix(to + "ffn_down" + ending + ".weight", network.down);
  }

  void add_experts(int64_t layer, const std::string& from, const std::string& to) {
    add_vector(to + "ffn_gate_inp.weight", from_.at(from + "gate.weight"));
    add_stack(to + "ffn_gate_exps.weight", from, "gate_proj");
    add_stack(to + "ffn_up_exps.weight", from, "up_proj");
    add_stack(to + "ffn_down_exps.weight", from, "down_proj");
    if (architecture_ != GgufArchitecture::kGlm4Moe) return;
    add_vector(to + "exp_probs_b.bias", from_.router_bias(layer));
    add_network(from_.shared_experts(layer, exported_shared_width(model_, HuggingFaceClass::kGlm4Moe)), to, "_shexp");
  }

  void add_stack(const std::string& name, const std::string& from, const std::string& part) {
    std::vector<at::Tensor> experts;
    for (int64_t e = 0; e < model_.moe.num_experts; ++e) {
      experts.push_back(from_.at(from + "experts." + std::to_string(e) + "." + part + ".weight"));
    }
    const at::Tensor& first = experts.front();
    out_.push_back({name, type_of(first), {std::ssize(experts), first.size(0), first.size(1)}, experts});
  }

  ModelTensors from_;
  const ModelConfig& model_;
  GgufArchitecture architecture_;
  GgufType matrices_;
  std::vector<GgufTensor> out_;
};

}  // namespace

std::vector<GgufTensor> gguf_tensors(const NamedTensors& tensors, const ModelConfig& model,
                                     GgufArchitecture architecture, GgufType matrices) {
  return GgufMapping(tensors, model, architecture, matrices).map();
}

}  // namespace mm
