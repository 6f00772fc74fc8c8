// The settings of the architecture, those of the tokenizer, the tensors.
#include "interchange/gguf/gguf_export.h"

#include <cmath>
#include <filesystem>

#include "core/error.h"
#include "interchange/export/exports.h"
#include "interchange/export/gguf_architecture.h"
#include "interchange/gguf/gguf_tensors.h"
#include "interchange/gguf/gguf_vocabulary.h"

namespace mm {
namespace {

GgufType type_of(const std::string& dtype, const NamedTensors& tensors) {
  if (dtype == "q8_0") return GgufType::kQ8;
  const at::ScalarType type = parse_dtype(dtype).value_or(tensors.front().second.scalar_type());
  return type == at::kHalf ? GgufType::kF16 : type == at::kBFloat16 ? GgufType::kBf16 : GgufType::kF32;
}

/// What llama.cpp calls a file whose matrices have the type (`llama_ftype`).
uint32_t file_type_of(GgufType type) {
  switch (type) {
    case GgufType::kF32:
      return 0;
    case GgufType::kF16:
      return 1;
    case GgufType::kQ8:
      return 7;
    case GgufType::kBf16:
      return 32;
  }
  return 0;
}

uint32_t number(int64_t value) {
  return static_cast<uint32_t>(value);
}

/// llama.cpp multiplies YaRN's attention factor by that of the paper on its own.
template <class Set>
void add_rope_scaling(const RopeScalingConfig& scaling, const Set& set) {
  if (!scaling.is_yarn()) return;
  set("rope.scaling.type", std::string("yarn"));
  set("rope.scaling.factor", static_cast<float>(scaling.factor));
  set("rope.scaling.original_context_length", number(scaling.original_max_position_embeddings));
  set("rope.scaling.attn_factor", static_cast<float>(*scaling.attention_factor / (1 + 0.1 * std::log(scaling.factor))));
  set("rope.scaling.yarn_beta_fast", static_cast<float>(scaling.beta_fast));
  set("rope.scaling.yarn_beta_slow", static_cast<float>(scaling.beta_slow));
}

GgufSettings settings_of(const ModelConfig& model, GgufArchitecture architecture, int64_t positions) {
  const std::string prefix = name_of(architecture) + ".";
  GgufSettings settings;
  const auto set = [&](const char* key, GgufValue value) { settings.emplace_back(prefix + key, std::move(value)); };
  set("context_length", number(positions));
  set("embedding_length", number(model.hidden_size));
  set("block_count", number(model.num_hidden_layers));
  set("feed_forward_length", number(*model.intermediate_size));
  set("attention.head_count", number(model.num_attention_heads));
  set("attention.head_count_kv", number(model.num_key_value_heads));
  set("attention.key_length", number(*model.head_dim));
  set("attention.value_length", number(*model.head_dim));
  set("attention.layer_norm_rms_epsilon", static_cast<float>(model.rms_norm_eps));
  set("rope.dimension_count", number(*model.head_dim));
  set("rope.freq_base", static_cast<float>(model.rope_theta));
  add_rope_scaling(model.rope_scaling, set);
  set("vocab_size", number(model.vocab_size));
  if (!model.is_moe()) return settings;

  constexpr uint32_t kSoftmax = 1, kSigmoid = 2;
  const MoeConfig& moe = model.moe;
  set("expert_count", number(moe.num_experts));
  set("expert_used_count", number(moe.num_experts_per_tok));
  set("expert_feed_forward_length", number(*moe.moe_intermediate_size));
  if (architecture != GgufArchitecture::kGlm4Moe) return settings;
  set("expert_shared_count",
      number(exported_shared_width(model, HuggingFaceClass::kGlm4Moe) / *moe.moe_intermediate_size));
  set("leading_dense_block_count", number(moe.first_k_dense_replace));
  set("expert_gating_func", moe.scoring_func == "sigmoid" ? kSigmoid : kSoftmax);
  set("expert_weights_norm", moe.normalises_weights());
  set("expert_weights_scale", static_cast<float>(moe.routed_scaling_factor));
  return settings;
}

}  // namespace

void write_gguf_model(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                      const std::string& dtype, const Origin& origin) {
  const Fitting<GgufArchitecture> found = gguf_architecture(model);
  if (!found.fits()) {
    throw Error(ExitCode::kCheckpoint, got_want(path, found.obstacle, "a model that llama.cpp computes",
                                                "this one can be had: " + describe_exports(model)));
  }
  if (origin.tokenizer.empty()) {
    throw Error(ExitCode::kData,
                got_want("--tokenizer", "nothing, and none belongs to the input",
                         "a tokenizer.json or a sentencepiece .model", "a GGUF file without one runs nowhere"));
  }
  const GgufType type = type_of(dtype, tensors);
  GgufSettings settings = {
      {"general.architecture", name_of(found.form)},
      {"general.name", std::filesystem::path(path).stem().string()},
      {"general.file_type", file_type_of(type)},
      {"general.quantization_version", uint32_t{2}},
  };
  for (GgufSettings part : {settings_of(model, found.form, positions_of(origin, model)),
                            gguf_vocabulary(origin.tokenizer, model.vocab_size)}) {
    for (auto& setting : part) settings.push_back(std::move(setting));
  }
  write_gguf(path, settings, gguf_tensors(tensors, model, found.form, type));
}

}  // namespace mm
