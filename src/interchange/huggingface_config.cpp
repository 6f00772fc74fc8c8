// Settings are handed on as overrides, so that their types and ranges are checked where every other setting is.
#include "interchange/huggingface_config.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "interchange/generation.h"

namespace mm {
namespace {

using Json = nlohmann::ordered_json;

/// Keys that mean the same in their config.json and in our `model` section, under one of our names or its aliases.
constexpr std::array kSharedKeys = {
    "vocab_size",          "hidden_size",           "intermediate_size", "num_hidden_layers",
    "num_attention_heads", "num_key_value_heads",   "head_dim",          "rms_norm_eps",
    "tie_word_embeddings", "num_experts",           "n_routed_experts",  "num_experts_per_tok",
    "n_shared_experts",    "moe_intermediate_size", "norm_topk_prob",    "router_aux_loss_coef",
    "aux_loss_alpha",      "scoring_func",
};

/// Reads of one config.json, with messages that name the key.
class HuggingFaceConfig {
 public:
  HuggingFaceConfig(const std::string& text, const std::string& file) : file_(file) {
    json_ = Json::parse(text, nullptr, /*allow_exceptions=*/false);
    if (!json_.is_object()) refuse("", "text that is not a JSON object", "a config.json");
  }

  /// Null when absent.
  Json value(const std::string& key) const { return json_.contains(key) ? json_[key] : Json(nullptr); }

  /// Refuses any value of `key` but absent, null and `neutral`.
  void want(const std::string& key, const Json& neutral, const char* why) const {
    const Json got = value(key);
    if (!got.is_null() && got != neutral) refuse(key, got.dump(), neutral.dump(), why);
  }

  [[noreturn]] void refuse(const std::string& key, const std::string& got, const std::string& want,
                           const std::string& why = "") const {
    throw Error(ExitCode::kCheckpoint, got_want(key.empty() ? file_ : file_ + ":" + key, got, want, why));
  }

 private:
  Json json_;
  std::string file_;
};

/// transformers 4 writes rope_theta and rope_scaling, transformers 5 rope_parameters with both in it.
Json rope_theta(const HuggingFaceConfig& config) {
  const Json parameters = config.value("rope_parameters");
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const Json scaling = config.value(key);
    if (!scaling.is_object()) continue;
    for (const char* type : {"rope_type", "type"}) {
      if (scaling.contains(type) && scaling[type] != "default") {
        config.refuse(std::string(key) + "." + type, scaling[type].dump(), "\"default\"", "scaled rotary positions");
      }
    }
  }
  if (parameters.is_object() && parameters.contains("rope_theta")) return parameters["rope_theta"];
  return config.value("rope_theta");
}

bool is_moe(const HuggingFaceConfig& config, const std::string& type) {
  if (type == "qwen3_moe") return true;
  return type == "minimind" && config.value("use_moe") == true;
}

}  // namespace

std::vector<std::string> read_huggingface_config(const std::string& text, const std::string& file) {
  const HuggingFaceConfig config(text, file);
  const Json type_value = config.value("model_type");
  const std::string type = type_value.is_string() ? type_value.get<std::string>() : "";
  if (type != "llama" && type != "qwen3" && type != "qwen3_moe" && type != "minimind") {
    config.refuse("model_type", type_value.dump(), "\"llama\", \"qwen3\", \"qwen3_moe\" or \"minimind\"");
  }
  config.want("hidden_act", "silu", "the feed-forward is SwiGLU");
  config.want("attention_bias", false, "there are no biases");
  config.want("mlp_bias", false, "there are no biases");
  config.want("use_sliding_window", false, "attention sees all earlier tokens");
  config.want("decoder_sparse_step", 1, "every layer has experts, or none has");
  config.want("mlp_only_layers", Json::array(), "every layer has experts, or none has");
  config.want("inference_rope_scaling", false, "scaled rotary positions");

  std::vector<std::string> settings = {std::string("model.model_type=") + (is_moe(config, type) ? "moe" : "dense")};
  for (const char* key : kSharedKeys) {
    const Json value = config.value(key);
    if (!value.is_null()) settings.push_back("model." + std::string(key) + "=" + value.dump());
  }
  const Json theta = rope_theta(config);
  if (!theta.is_null()) settings.push_back("model.rope_theta=" + theta.dump());
  // transformers' Qwen3-MoE divides the weight of a top-1 router by itself as well.
  if (type == "qwen3_moe" && config.value("norm_topk_prob") == true) settings.push_back("model.norm_top1_prob=true");
  return settings;
}

std::string huggingface_architecture(const ModelConfig& model, const std::string& where) {
  const auto refuse = [&](const std::string& got, const std::string& want) {
    throw Error(ExitCode::kCheckpoint,
                got_want(where, got, want, "--to g1, g2, g3, g4 or safetensors can hold it, where the shapes agree"));
  };
  if (!model.is_moe()) return model.qk_norm ? "qwen3" : "llama";
  if (!model.qk_norm) {
    refuse("experts without a norm on queries and keys", "a model that a class of transformers computes (Qwen3-MoE)");
  }
  if (model.moe.n_shared_experts > 0) refuse("shared experts", "a Qwen3-MoE model, which has none");
  if (const std::string own = own_routing(model); !own.empty()) refuse(own, "a Qwen3-MoE model, which has none");
  return "qwen3_moe";
}

std::string write_huggingface_config(const ModelConfig& model, const std::string& architecture,
                                     const std::string& dtype, const SpecialTokens& tokens) {
  const bool qwen = architecture != "llama", moe = architecture == "qwen3_moe";
  Json json;
  json["architectures"] = {moe ? "Qwen3MoeForCausalLM" : qwen ? "Qwen3ForCausalLM" : "LlamaForCausalLM"};
  json["model_type"] = architecture;
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
  json["rope_parameters"] = {{"rope_type", "default"}, {"rope_theta", model.rope_theta}};
  json["max_position_embeddings"] = 32768;
  json["tie_word_embeddings"] = model.tie_word_embeddings;
  json["attention_bias"] = false;
  json["attention_dropout"] = 0.0;
  if (!qwen) json["mlp_bias"] = false;
  if (qwen) json["use_sliding_window"] = false;
  if (moe) {
    const bool normalised = model.moe.norm_topk_prob && (model.moe.num_experts_per_tok > 1 || model.moe.norm_top1_prob);
    json["num_experts"] = model.moe.num_experts;
    json["num_experts_per_tok"] = model.moe.num_experts_per_tok;
    json["moe_intermediate_size"] = *model.moe.moe_intermediate_size;
    json["norm_topk_prob"] = normalised;
    json["decoder_sparse_step"] = 1;
    json["mlp_only_layers"] = Json::array();
    json["router_aux_loss_coef"] = model.moe.router_aux_loss_coef;
    json["output_router_logits"] = false;
  }
  json["initializer_range"] = model.initializer_range;
  json["use_cache"] = true;
  json["bos_token_id"] = tokens.bos;
  json["eos_token_id"] = tokens.eos;
  json["pad_token_id"] = tokens.pad;
  json["torch_dtype"] = dtype;
  json["dtype"] = dtype;
  return json.dump(2) + "\n";
}

std::string write_generation_config(const SpecialTokens& tokens) {
  Json json;
  json["bos_token_id"] = tokens.bos;
  json["eos_token_id"] = tokens.eos;
  json["pad_token_id"] = tokens.pad;
  return json.dump(2) + "\n";
}

}  // namespace mm
