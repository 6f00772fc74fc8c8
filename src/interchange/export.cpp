// One tensor at a time where the dtype changes; otherwise the tensors go out as they came in.
#include "interchange/export.h"

#include <ATen/ops/isfinite.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "core/files.h"
#include "core/json/json_text.h"
#include "interchange/model_settings.h"
#include "interchange/rope_rows.h"
#include "interchange/whole_folder.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kConfigFile = "config.json";

bool overflows(const at::Tensor& from, const at::Tensor& to) {
  return (at::isfinite(from) != at::isfinite(to)).any().item<bool>();
}

std::string torch_dtype(const NamedTensors& tensors) {
  const at::ScalarType type = tensors.front().second.scalar_type();
  return type == at::kHalf ? "float16" : type == at::kBFloat16 ? "bfloat16" : "float32";
}

/// With the tokenizer_config.json beside it, changed so that releases of transformers read it alike.
void copy_tokenizer(const std::string& tokenizer_json, const std::string& folder) {
  write_file_atomic(folder + "/tokenizer.json", read_file(tokenizer_json, ExitCode::kData));
  const std::string config = (fs::path(tokenizer_json).parent_path() / "tokenizer_config.json").string();
  if (path_kind(config, ExitCode::kData) == PathKind::kMissing) return;
  auto json = nlohmann::ordered_json::parse(read_file(config, ExitCode::kData), nullptr, false);
  if (!json.is_object()) {
    throw Error(ExitCode::kData, got_want(config, "text that is not a JSON object", "a tokenizer config"));
  }
  json["tokenizer_class"] = "PreTrainedTokenizerFast";
  json["add_prefix_space"] = false;
  write_file_atomic(folder + "/tokenizer_config.json", json.dump(2) + "\n");
}

}  // namespace

std::optional<at::ScalarType> parse_dtype(const std::string& word) {
  if (word == "keep") return std::nullopt;
  if (word == "fp32") return at::kFloat;
  if (word == "fp16") return at::kHalf;
  if (word == "bf16") return at::kBFloat16;
  throw Error(ExitCode::kConfig, got_want("--dtype", '"' + word + '"', "keep, fp32, fp16 or bf16"));
}

NamedTensors in_dtype(const NamedTensors& tensors, std::optional<at::ScalarType> dtype, const std::string& where) {
  if (!dtype) return tensors;
  NamedTensors result;
  for (const auto& [name, tensor] : tensors) {
    result.emplace_back(name, tensor.to(*dtype));
    if (*dtype == at::kHalf && overflows(tensor, result.back().second)) {
      throw Error(ExitCode::kCheckpoint, got_want(where + ":" + show_key(name), "values beyond 65504",
                                                  "what fp16 can hold", "use --dtype bf16 or fp32"));
    }
  }
  return result;
}

void write_model_safetensors(const std::string& path, const NamedTensors& tensors, const ModelConfig& model) {
  write_safetensors(path, tensors, {{"format", "pt"}, {kModelMetadata, section_of(model)}});
}

void write_huggingface_folder(const std::string& folder, const NamedTensors& tensors, const ModelConfig& model,
                              const SpecialTokens& tokens, const std::string& tokenizer_json) {
  const std::string architecture = huggingface_architecture(model, folder);
  WholeFolder whole(folder, kConfigFile);
  write_safetensors(whole.path() + "/model.safetensors",
                    in_rope_layout(tensors, *model.head_dim, model.rope_layout, "half_split"), {{"format", "pt"}});
  write_file_atomic(whole.path() + "/generation_config.json", write_generation_config(tokens));
  if (!tokenizer_json.empty()) copy_tokenizer(tokenizer_json, whole.path());
  write_file_atomic(whole.path() + "/" + kConfigFile,
                    write_huggingface_config(model, architecture, torch_dtype(tensors), tokens));
  whole.commit();
}

}  // namespace mm
