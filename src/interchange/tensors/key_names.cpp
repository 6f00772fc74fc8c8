// Names are rewritten piece by piece; pieces are bounded by dots, so that `norm` is not found in `attention_norm`.
#include "interchange/tensors/key_names.h"

#include <array>
#include <utility>

namespace mm {
namespace {

struct Spelling {
  std::string_view minimind;
  std::string_view huggingface;
};

/// Applied from top to bottom, in both directions.
constexpr std::array<Spelling, 16> kSpellings = {{
    {".tok_embeddings.", ".model.embed_tokens."},
    {".layers.", ".model.layers."},
    {".attention.wq.", ".self_attn.q_proj."},
    {".attention.wk.", ".self_attn.k_proj."},
    {".attention.wv.", ".self_attn.v_proj."},
    {".attention.wo.", ".self_attn.o_proj."},
    {".attention_norm.", ".input_layernorm."},
    {".ffn_norm.", ".post_attention_layernorm."},
    {".feed_forward.shared_experts.", ".mlp.shared_experts.0."},
    {".feed_forward.", ".mlp."},
    {".w1.", ".gate_proj."},
    {".w2.", ".down_proj."},
    {".w3.", ".up_proj."},
    {".norm.", ".model.norm."},
    {".output.", ".lm_head."},
    {".attention.", ".self_attn."},
}};

void replace_piece(std::string& name, std::string_view from, std::string_view to) {
  const size_t at = name.find(from);
  if (at != std::string::npos) name.replace(at, from.size(), to);
}

std::string bounded(std::string_view name) {
  std::string text = ".";
  return text.append(name) += '.';
}

std::string unbounded(const std::string& name) {
  return name.substr(1, name.size() - 2);
}

}  // namespace

std::string huggingface_name(std::string_view name) {
  if (name.starts_with("model.") || name.starts_with("lm_head.")) return std::string(name);
  std::string renamed = bounded(name);
  for (const Spelling& spelling : kSpellings) replace_piece(renamed, spelling.minimind, spelling.huggingface);
  return unbounded(renamed);
}

std::string minimind_name(std::string_view name) {
  std::string renamed = bounded(name);
  for (const Spelling& spelling : kSpellings) replace_piece(renamed, spelling.huggingface, spelling.minimind);
  return unbounded(renamed);
}

std::string_view without_prefixes(std::string_view key) {
  for (;;) {
    const std::string_view before = key;
    for (const std::string_view prefix : {"_orig_mod.", "module."}) {
      if (key.starts_with(prefix)) key.remove_prefix(prefix.size());
    }
    if (key.size() == before.size()) return key;
  }
}

std::vector<std::string> state_dict_order(const Generation& generation, const ModelConfig& model) {
  std::vector<std::string> names = {"model.embed_tokens.weight"};
  const auto network = [&](const std::string& prefix) {
    for (const char* part : {"gate_proj", "down_proj", "up_proj"}) names.push_back(prefix + part + ".weight");
  };
  for (int64_t layer = 0; layer < model.num_hidden_layers; ++layer) {
    const std::string prefix = "model.layers." + std::to_string(layer) + ".";
    for (const char* part : {"q_proj", "k_proj", "v_proj", "o_proj"}) {
      names.push_back(prefix + "self_attn." + part + ".weight");
    }
    if (model.qk_norm) {
      for (const char* part : {"q_norm", "k_norm"}) names.push_back(prefix + "self_attn." + part + ".weight");
    }
    for (const char* part : {"input_layernorm", "post_attention_layernorm"}) {
      names.push_back(prefix + part + ".weight");
    }
    const std::string mlp = prefix + "mlp.";
    if (!model.is_moe_layer(layer)) {
      network(mlp);
      continue;
    }
    if (generation.gate_first) names.push_back(mlp + "gate.weight");
    for (int64_t e = 0; e < model.moe.num_experts; ++e) network(mlp + "experts." + std::to_string(e) + ".");
    if (!generation.gate_first) names.push_back(mlp + "gate.weight");
    for (int64_t s = 0; s < model.moe.n_shared_experts; ++s) {
      network(mlp + "shared_experts." + std::to_string(s) + ".");
    }
  }
  names.push_back("model.norm.weight");
  if (!model.tie_word_embeddings) names.push_back("lm_head.weight");
  return names;
}

}  // namespace mm
