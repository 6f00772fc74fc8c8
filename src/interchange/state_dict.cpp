// Renamed, put in order and, for q and k, re-laid; then handed to the writer.
#include "interchange/state_dict.h"

#include <unordered_map>

#include "checkpoint/pth/pth_writer.h"
#include "core/error.h"
#include "core/text.h"
#include "interchange/config/model_settings.h"
#include "interchange/tensors/key_names.h"
#include "interchange/tensors/rope_rows.h"

namespace mm {
NamedTensors generation_state_dict(const NamedTensors& tensors, const ModelConfig& model, const Generation& generation,
                                   const std::string& where) {
  if (const std::string reason = misfit(generation, model); !reason.empty()) {
    throw Error(ExitCode::kCheckpoint,
                got_want(where, "a model that " + std::string(generation.name) + " cannot hold: " + reason,
                         "a model of " + std::string(generation.title)));
  }
  std::unordered_map<std::string_view, const at::Tensor*> by_name;
  for (const auto& [name, tensor] : tensors) by_name.emplace(name, &tensor);
  std::vector<std::string> order = state_dict_order(generation, model);
  if (model.tie_word_embeddings) order.emplace_back(kHeadName);

  const std::string layout(generation_model(generation, false).rope_layout);
  const bool old_names = generation.names == KeyNames::kMiniMind;
  NamedTensors state_dict;
  for (const std::string& name : order) {
    const bool tied_head = name == kHeadName && model.tie_word_embeddings;
    const auto found = by_name.find(tied_head ? kEmbeddingName : std::string_view(name));
    require(found != by_name.end(), "a tensor of the model is not among those to be written");
    at::Tensor tensor = reorder_rope_rows(*found->second, name, *model.head_dim, model.rope_layout, layout);
    state_dict.emplace_back(old_names ? minimind_name(name) : name, std::move(tensor));
  }
  return state_dict;
}

void write_generation_pth(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                          const Generation& generation, std::optional<at::ScalarType> dtype,
                          const std::string& tokenizer) {
  PthWriterOptions options{
      .ordered_dict = generation.fp32_ordered_dict, .share_storages = generation.fp32_ordered_dict, .dtype = dtype};
  if (!tokenizer.empty()) options.notes[kTokenizerMetadata] = tokenizer;
  write_pth(path, generation_state_dict(tensors, model, generation, path), options);
}

at::ScalarType generation_dtype(const Generation& generation) {
  return generation.fp32_ordered_dict ? at::kFloat : at::kHalf;
}

std::string generation_file_name(const ModelConfig& model) {
  return "pretrain_" + std::to_string(model.hidden_size) + (model.is_moe() ? "_moe" : "") + ".pth";
}

std::string constants_to_tell(const ModelConfig& model, const Generation& generation) {
  const ModelConfig standard = generation_model(generation, model.is_moe());
  std::vector<const char*> keys = {"rope_theta", "rms_norm_eps"};
  if (!model.qk_norm) keys.insert(keys.begin(), "num_attention_heads");
  if (model.is_moe()) keys.insert(keys.end(), {"num_experts_per_tok", "norm_topk_prob"});
  if (model.is_moe() && model.moe.num_experts_per_tok == 1) keys.push_back("norm_top1_prob");
  std::vector<std::string> told;
  for (const char* key : keys) {
    const std::string value = setting_of(model, key);
    if (value != setting_of(standard, key)) told.push_back(std::string(key) + "=" + value);
  }
  return join(told, ", ");
}

}  // namespace mm
