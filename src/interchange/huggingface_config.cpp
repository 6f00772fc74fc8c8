// Settings are handed on as overrides, so that their types and ranges are checked where every other setting is.
#include "interchange/huggingface_config.h"

#include <array>
#include <nlohmann/json.hpp>

#include "core/error.h"
#include "interchange/generation.h"
#include "interchange/strict_json.h"

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
  HuggingFaceConfig(const std::string& text, const std::string& file) : json_(parse_object(text, file)), file_(file) {}

  /// Null when absent, or null in the file.
  const JsonTree* value(const std::string& key) const {
    const JsonTree* found = find_member(json_, key);
    return found == nullptr || found->is(JsonTree::Kind::kNull) ? nullptr : found;
  }

  bool is_true(const std::string& key) const {
    const JsonTree* found = value(key);
    return found != nullptr && found->is(JsonTree::Kind::kBool) && found->text == "true";
  }

  /// Refuses any value of `key` but absent, null and `neutral`.
  void want(const std::string& key, const std::string& neutral, const char* why) const {
    const JsonTree* got = value(key);
    if (got != nullptr && to_json(*got) != neutral) refuse(key, got, neutral, why);
  }

  [[noreturn]] void refuse(const std::string& key, const JsonTree* got, const std::string& want,
                           const std::string& why = "") const {
    const std::string shown = got == nullptr ? "nothing" : show_json(*got);
    throw Error(ExitCode::kCheckpoint, got_want(file_ + ":" + key, shown, want, why));
  }

 private:
  JsonTree json_;
  std::string file_;
};

/// transformers 4 writes rope_theta and rope_scaling, transformers 5 rope_parameters with both in it. Null when none
/// does.
const JsonTree* rope_theta(const HuggingFaceConfig& config) {
  for (const char* key : {"rope_scaling", "rope_parameters"}) {
    const JsonTree* scaling = config.value(key);
    if (scaling == nullptr) continue;
    for (const char* name : {"rope_type", "type"}) {
      const JsonTree* type = find_member(*scaling, name);
      if (type != nullptr && to_json(*type) != "\"default\"") {
        config.refuse(std::string(key) + "." + name, type, "\"default\"", "scaled rotary positions");
      }
    }
  }
  const JsonTree* parameters = config.value("rope_parameters");
  const JsonTree* theta = parameters == nullptr ? nullptr : find_member(*parameters, "rope_theta");
  const bool given = theta != nullptr && !theta->is(JsonTree::Kind::kNull);
  return given ? theta : config.value("rope_theta");
}

bool is_moe(const HuggingFaceConfig& config, const std::string& type) {
  return type == "qwen3_moe" || (type == "minimind" && config.is_true("use_moe"));
}

}  // namespace

std::vector<std::string> read_huggingface_config(const std::string& text, const std::string& file) {
  const HuggingFaceConfig config(text, file);
  const JsonTree* type_value = config.value("model_type");
  const std::string type = type_value != nullptr && type_value->is(JsonTree::Kind::kString) ? type_value->text : "";
  if (type != "llama" && type != "qwen3" && type != "qwen3_moe" && type != "minimind") {
    config.refuse("model_type", type_value, "\"llama\", \"qwen3\", \"qwen3_moe\" or \"minimind\"");
  }
  config.want("hidden_act", "\"silu\"", "the feed-forward is SwiGLU");
  config.want("attention_bias", "false", "there are no biases");
  config.want("mlp_bias", "false", "there are no biases");
  config.want("use_sliding_window", "false", "attention sees all earlier tokens");
  config.want("decoder_sparse_step", "1", "every layer has experts, or none has");
  config.want("mlp_only_layers", "[]", "every layer has experts, or none has");
  config.want("inference_rope_scaling", "false", "scaled rotary positions");

  std::vector<std::string> settings = {std::string("model.model_type=") + (is_moe(config, type) ? "moe" : "dense")};
  for (const char* key : kSharedKeys) {
    const JsonTree* value = config.value(key);
    if (value != nullptr) settings.push_back("model." + std::string(key) + "=" + to_json(*value));
  }
  const JsonTree* theta = rope_theta(config);
  if (theta != nullptr) settings.push_back("model.rope_theta=" + to_json(*theta));
  // transformers' Qwen3-MoE divides the weight of a top-1 router by itself as well.
  if (type == "qwen3_moe" && config.is_true("norm_topk_prob")) settings.push_back("model.norm_top1_prob=true");
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
