// Settings are handed on as overrides, so that their types and ranges are checked where every other setting is.
#include "interchange/huggingface_config.h"

#include <algorithm>
#include <array>

#include "core/error.h"
#include "core/text.h"
#include "interchange/strict_json.h"

namespace mm {
namespace {

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

/// The families that a config.json may be of.
constexpr std::array kFamilies = {"llama", "qwen3", "qwen2_moe", "qwen3_moe", "qwen3_next", "glm4_moe", "minimind"};

bool is_moe(const HuggingFaceConfig& config, const std::string& type) {
  return type.ends_with("_moe") || type == "qwen3_next" || (type == "minimind" && config.is_true("use_moe"));
}

/// What of a family is neutral in our exports, and in others may not be.
void refuse_foreign_parts(const HuggingFaceConfig& config, const std::string& type) {
  if (type != "qwen3_next" && type != "glm4_moe") return;
  const JsonTree* parameters = config.value("rope_parameters");
  const JsonTree* inner = parameters == nullptr ? nullptr : find_member(*parameters, "partial_rotary_factor");
  const JsonTree* factor = inner == nullptr ? config.value("partial_rotary_factor") : inner;
  if (factor == nullptr || factor->number != 1) {
    config.refuse("partial_rotary_factor", factor, "1.0", "positions turn every feature of a head");
  }
  if (type == "glm4_moe") config.want("first_k_dense_replace", "0", "every layer has experts, or none has");
  const JsonTree* layers = config.value("layer_types");
  if (layers == nullptr) return;
  for (const JsonTree& layer : layers->items) {
    if (layer.text != "full_attention") config.refuse("layer_types", &layer, "\"full_attention\"");
  }
}

/// What the class computes without a key for it, as settings of ours.
void add_family_settings(const HuggingFaceConfig& config, const std::string& type, std::vector<std::string>& settings) {
  // These classes divide the weight of a top-1 router by itself as well.
  if (type != "minimind" && config.is_true("norm_topk_prob")) settings.emplace_back("model.norm_top1_prob=true");
  const bool unless_said = type == "qwen2_moe" || type == "qwen3_moe";
  if (unless_said && config.value("norm_topk_prob") == nullptr) settings.emplace_back("model.norm_topk_prob=false");
  if (type == "glm4_moe") {
    settings.emplace_back("model.scoring_func=sigmoid");
    for (const char* key : {"routed_scaling_factor", "n_group", "topk_group"}) {
      if (const JsonTree* value = config.value(key))
        settings.push_back("model." + std::string(key) + "=" + to_json(*value));
    }
  }
}

}  // namespace

std::vector<std::string> read_huggingface_config(const std::string& text, const std::string& file) {
  const HuggingFaceConfig config(text, file);
  const JsonTree* type_value = config.value("model_type");
  const std::string type = type_value != nullptr && type_value->is(JsonTree::Kind::kString) ? type_value->text : "";
  if (std::find(kFamilies.begin(), kFamilies.end(), type) == kFamilies.end()) {
    config.refuse("model_type", type_value, "one of " + join({kFamilies.begin(), kFamilies.end()}, ", "));
  }
  config.want("hidden_act", "\"silu\"", "the feed-forward is SwiGLU");
  config.want("attention_bias", "false", "there are no biases");
  config.want("mlp_bias", "false", "there are no biases");
  config.want("use_sliding_window", "false", "attention sees all earlier tokens");
  config.want("decoder_sparse_step", "1", "every layer has experts, or none has");
  config.want("mlp_only_layers", "[]", "every layer has experts, or none has");
  config.want("inference_rope_scaling", "false", "scaled rotary positions");
  refuse_foreign_parts(config, type);

  std::vector<std::string> settings = {std::string("model.model_type=") + (is_moe(config, type) ? "moe" : "dense")};
  for (const char* key : kSharedKeys) {
    const JsonTree* value = config.value(key);
    // The shared network of such a file is one expert, of the width that its tensors have.
    if (type == "glm4_moe" && std::string_view(key) == "n_shared_experts") continue;
    if (value != nullptr) settings.push_back("model." + std::string(key) + "=" + to_json(*value));
  }
  const JsonTree* theta = rope_theta(config);
  if (theta != nullptr) settings.push_back("model.rope_theta=" + to_json(*theta));
  add_family_settings(config, type, settings);
  return settings;
}

}  // namespace mm
