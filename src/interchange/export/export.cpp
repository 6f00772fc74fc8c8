// One tensor at a time where the dtype changes; otherwise the tensors go out as they came in.
#include "interchange/export/export.h"

#include <ATen/ops/isfinite.h>

#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "interchange/config/model_settings.h"
#include "interchange/export/exports.h"
#include "interchange/export/huggingface_tensors.h"
#include "interchange/export/tokenizer_files.h"
#include "interchange/export/whole_folder.h"

namespace mm {
namespace {

constexpr const char* kConfigFile = "config.json";

bool overflows(const at::Tensor& from, const at::Tensor& to) {
  return (at::isfinite(from) != at::isfinite(to)).any().item<bool>();
}

std::string torch_dtype(const NamedTensors& tensors) {
  const at::ScalarType type = tensors.front().second.scalar_type();
  return type == at::kHalf ? "float16" : type == at::kBFloat16 ? "bfloat16" : "float32";
}

}  // namespace

int64_t positions_of(const Origin& origin, const ModelConfig& model) {
  if (model.rope_scaling.is_yarn()) return model.rope_scaling.positions();
  constexpr int64_t kMiniMindPositions = 32768;
  return origin.sequence_length > 0 ? origin.sequence_length : kMiniMindPositions;
}

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
    result.emplace_back(name, stays_fp32(name) ? tensor : tensor.to(*dtype));
    if (*dtype == at::kHalf && overflows(tensor, result.back().second)) {
      throw Error(ExitCode::kCheckpoint, got_want(where + ":" + show_key(name), "values beyond 65504",
                                                  "what fp16 can hold", "use --dtype bf16 or fp32"));
    }
  }
  return result;
}

void write_model_safetensors(const std::string& path, const NamedTensors& tensors, const ModelConfig& model,
                             const Origin& origin) {
  std::map<std::string, std::string> metadata = {{"format", "pt"}, {kModelMetadata, section_of(model)}};
  if (!origin.tokenizer.empty()) metadata[kTokenizerMetadata] = origin.tokenizer;
  if (origin.sequence_length > 0) metadata[kLengthMetadata] = std::to_string(origin.sequence_length);
  write_safetensors(path, tensors, metadata);
}

void write_huggingface_folder(const std::string& folder, const NamedTensors& tensors, const ModelConfig& model,
                              std::optional<at::ScalarType> dtype, const Origin& origin) {
  const Fitting<HuggingFaceClass> found = huggingface_class(model);
  if (!found.fits()) {
    throw Error(ExitCode::kCheckpoint, got_want(folder, found.obstacle, "a model that a class of transformers computes",
                                                describe_exports(model)));
  }
  const int64_t positions = positions_of(origin, model);
  const SpecialTokens tokens =
      origin.tokenizer.empty() ? SpecialTokens{} : special_tokens(origin.tokenizer, model.vocab_size);
  const NamedTensors written = in_dtype(huggingface_tensors(tensors, model, found.form, folder), dtype, folder);
  WholeFolder whole(folder, kConfigFile);
  write_safetensors(whole.path() + "/model.safetensors", written, {{"format", "pt"}});
  write_file_atomic(whole.path() + "/generation_config.json", write_generation_config(found.form, tokens));
  if (!origin.tokenizer.empty()) write_tokenizer_files(origin.tokenizer, positions, whole.path());
  write_file_atomic(whole.path() + "/" + kConfigFile,
                    write_huggingface_config(model, found.form, torch_dtype(written), tokens, positions));
  whole.commit();
}

}  // namespace mm
