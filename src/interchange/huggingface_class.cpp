// A model is matched by what its router does first, then by its norms.
#include "interchange/huggingface_class.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace mm {
namespace {

using Json = nlohmann::ordered_json;
using Fit = Fitting<HuggingFaceClass>;

/// A network of zeros has a width all the same; quantised rows come in blocks of 32.
constexpr int64_t kEmptyWidth = 32;

const char* model_type_of(HuggingFaceClass target) {
  switch (target) {
    case HuggingFaceClass::kLlama:
      return "llama";
    case HuggingFaceClass::kQwen3:
      return "qwen3";
    case HuggingFaceClass::kQwen3Moe:
      return "qwen3_moe";
    case HuggingFaceClass::kQwen2Moe:
      return "qwen2_moe";
    case HuggingFaceClass::kQwen3Next:
      return "qwen3_next";
    case HuggingFaceClass::kGlm4Moe:
      return "glm4_moe";
  }
  return "";
}

Fit refused(const std::string& obstacle) {
  return {.obstacle = obstacle};
}

Fit sigmoid_class(const MoeConfig& moe) {
  if (moe.shared_expert_gate) return refused("sigmoid scores with a gate on shared experts (model.shared_expert_gate)");
  // The class looks for the two best experts of each group, be it the only one.
  if (moe.num_experts < 2 * (moe.limits_groups() ? moe.n_group : 1)) {
    return refused("sigmoid scores of a single expert in a group (model.n_group, model.num_experts)");
  }
  return {.form = HuggingFaceClass::kGlm4Moe};
}

Fit softmax_class(const ModelConfig& model) {
  const MoeConfig& moe = model.moe;
  if (moe.has_router_bias()) {
    return refused("a bias on softmax scores (model.balance; with model.scoring_func=sigmoid there is a class)");
  }
  if (moe.limits_groups()) {
    return refused("groups of experts with softmax scores (model.topk_group; sigmoid scores have a class)");
  }
  if (model.qk_norm)
    return {.form = moe.n_shared_experts > 0 ? HuggingFaceClass::kQwen3Next : HuggingFaceClass::kQwen3Moe};
  if (model.attention_width() != model.hidden_size) {
    return refused("heads that do not make hidden_size (model.head_dim) without q/k-norm (model.qk_norm)");
  }
  return {.form = HuggingFaceClass::kQwen2Moe};
}

/// As transformers 4 has it, without rope_theta.
Json rope_scaling(const RopeScalingConfig& scaling) {
  return {{"rope_type", scaling.rope_type},
          {"factor", scaling.factor},
          {"original_max_position_embeddings", scaling.original_max_position_embeddings},
          {"beta_fast", scaling.beta_fast},
          {"beta_slow", scaling.beta_slow},
          {"attention_factor", *scaling.attention_factor}};
}

Json rope_parameters(const ModelConfig& model, HuggingFaceClass target) {
  Json rope = {{"rope_type", "default"}};
  if (model.rope_scaling.is_yarn()) rope = rope_scaling(model.rope_scaling);
  rope["rope_theta"] = model.rope_theta;
  if (target == HuggingFaceClass::kQwen3Next || target == HuggingFaceClass::kGlm4Moe)
    rope["partial_rotary_factor"] = 1.0;
  return rope;
}

void add_experts(const ModelConfig& model, HuggingFaceClass target, Json& json) {
  const MoeConfig& moe = model.moe;
  const bool glm = target == HuggingFaceClass::kGlm4Moe;
  json[glm ? "n_routed_experts" : "num_experts"] = moe.num_experts;
  json["num_experts_per_tok"] = moe.num_experts_per_tok;
  json["moe_intermediate_size"] = *moe.moe_intermediate_size;
  json["norm_topk_prob"] = moe.normalises_weights();
  if (glm) {
    json["n_shared_experts"] = exported_shared_width(model, target) / *moe.moe_intermediate_size;
    json["routed_scaling_factor"] = moe.routed_scaling_factor;
    json["n_group"] = moe.limits_groups() ? moe.n_group : 1;
    json["topk_group"] = moe.limits_groups() ? moe.topk_group : 1;
    json["first_k_dense_replace"] = moe.first_k_dense_replace;
    return;
  }
  if (target != HuggingFaceClass::kQwen3Moe) {
    json["shared_expert_intermediate_size"] = exported_shared_width(model, target);
  }
  json["decoder_sparse_step"] = 1;
  json["mlp_only_layers"] = Json::array();
  for (int64_t layer = 0; layer < moe.first_k_dense_replace; ++layer) json["mlp_only_layers"].push_back(layer);
  json["router_aux_loss_coef"] = moe.router_aux_loss_coef;
  json["output_router_logits"] = false;
}

/// What the class computes besides, switched off.
void add_neutral(const ModelConfig& model, HuggingFaceClass target, Json& json) {
  json["attention_dropout"] = 0.0;
  switch (target) {
    case HuggingFaceClass::kLlama:
      json["attention_bias"] = json["mlp_bias"] = false;
      break;
    case HuggingFaceClass::kQwen3:
    case HuggingFaceClass::kQwen3Moe:
      json["attention_bias"] = json["use_sliding_window"] = false;
      break;
    case HuggingFaceClass::kQwen2Moe:
      json["qkv_bias"] = true;
      json["use_sliding_window"] = false;
      break;
    case HuggingFaceClass::kQwen3Next:
      json["attention_bias"] = false;
      json["partial_rotary_factor"] = 1.0;
      json["full_attention_interval"] = 1;
      json["layer_types"] = Json(static_cast<size_t>(model.num_hidden_layers), "full_attention");
      break;
    case HuggingFaceClass::kGlm4Moe:
      json["attention_bias"] = false;
      json["partial_rotary_factor"] = 1.0;
      json["use_qk_norm"] = model.qk_norm;
      break;
  }
}

/// transformers 4.57 cannot keep keys and values of a Qwen3-Next without linear attention.
bool caches(HuggingFaceClass target) {
  return target != HuggingFaceClass::kQwen3Next;
}

}  // namespace

std::string architecture_of(HuggingFaceClass target) {
  switch (target) {
    case HuggingFaceClass::kLlama:
      return "LlamaForCausalLM";
    case HuggingFaceClass::kQwen3:
      return "Qwen3ForCausalLM";
    case HuggingFaceClass::kQwen3Moe:
      return "Qwen3MoeForCausalLM";
    case HuggingFaceClass::kQwen2Moe:
      return "Qwen2MoeForCausalLM";
    case HuggingFaceClass::kQwen3Next:
      return "Qwen3NextForCausalLM";
    case HuggingFaceClass::kGlm4Moe:
      return "Glm4MoeForCausalLM";
  }
  return "";
}

Fit huggingface_class(const ModelConfig& model) {
  if (!model.is_moe()) return {.form = model.qk_norm ? HuggingFaceClass::kQwen3 : HuggingFaceClass::kLlama};
  const MoeConfig& moe = model.moe;
  if (moe.router_hidden_size > 0) return refused("a hidden layer in the router (model.router_hidden_size)");
  if (moe.force_uniform_routing) return refused("experts taken in turn (model.force_uniform_routing)");
  if (moe.scoring_func == "softmax") return softmax_class(model);
  if (moe.scoring_func == "sigmoid") return sigmoid_class(moe);
  return refused(moe.scoring_func + " router scores (model.scoring_func; softmax and sigmoid have classes)");
}

int64_t exported_shared_width(const ModelConfig& model, HuggingFaceClass target) {
  const MoeConfig& moe = model.moe;
  const int64_t width = moe.n_shared_experts * *moe.shared_expert_intermediate_size;
  if (target != HuggingFaceClass::kGlm4Moe) return width > 0 ? width : kEmptyWidth;
  // This class measures the shared network in routed experts.
  const int64_t unit = *moe.moe_intermediate_size;
  return std::max<int64_t>(1, (width + unit - 1) / unit) * unit;
}

std::string write_huggingface_config(const ModelConfig& model, HuggingFaceClass target, const std::string& dtype,
                                     const SpecialTokens& tokens, int64_t max_positions) {
  Json json;
  json["architectures"] = {architecture_of(target)};
  json["model_type"] = model_type_of(target);
  json["vocab_size"] = model.vocab_size;
  json["hidden_size"] = model.hidden_size;
  json["intermediate_size"] = *model.intermediate_size;
  json["num_hidden_layers"] = model.num_hidden_layers;
  json["num_attention_heads"] = model.num_attention_heads;
  json["num_key_value_heads"] = model.num_key_value_heads;
  json["head_dim"] = *model.head_dim;
  json["hidden_act"] = "silu";
  json["rms_norm_eps"] = model.rms_norm_eps;
  json["rope_theta"] = model.rope_theta;
  json["rope_parameters"] = rope_parameters(model, target);
  // transformers 5 takes this one where there are both.
  if (model.rope_scaling.is_yarn()) json["rope_scaling"] = json["rope_parameters"];
  json["max_position_embeddings"] = max_positions;
  json["tie_word_embeddings"] = model.tie_word_embeddings;
  if (model.is_moe()) add_experts(model, target, json);
  add_neutral(model, target, json);
  json["initializer_range"] = model.initializer_range;
  json["use_cache"] = caches(target);
  json["bos_token_id"] = tokens.bos;
  json["eos_token_id"] = tokens.eos;
  json["pad_token_id"] = tokens.pad;
  json["torch_dtype"] = dtype;
  json["dtype"] = dtype;
  return json.dump(2) + "\n";
}

std::string write_generation_config(HuggingFaceClass target, const SpecialTokens& tokens) {
  Json json;
  json["bos_token_id"] = tokens.bos;
  json["eos_token_id"] = tokens.eos;
  json["pad_token_id"] = tokens.pad;
  if (!caches(target)) json["use_cache"] = false;
  return json.dump(2) + "\n";
}

}  // namespace mm
