// From the names of a file to one set of names, then to a model.
#include "interchange/weights.h"

#include <ATen/ops/zeros.h>

#include <algorithm>
#include <cstring>
#include <set>
#include <unordered_map>

#include "checkpoint/finite.h"
#include "checkpoint/named_access.h"
#include "core/error.h"
#include "core/json/json_text.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "interchange/config/model_settings.h"
#include "interchange/huggingface_source.h"
#include "interchange/tensors/key_names.h"
#include "interchange/tensors/rope_rows.h"
#include "interchange/tensors/tensor_source.h"
#include "interchange/training_state.h"

namespace mm {
namespace {

/// Tables that some generations saved along with the weights; they follow from the config.
bool is_buffer(std::string_view key) {
  for (const std::string_view ending : {"attention.mask", "pos_cis", "freqs_cos", "freqs_sin", "rotary_emb.inv_freq"}) {
    if (key.ends_with(ending)) return true;
  }
  return false;
}

std::string dtype_text(at::ScalarType type) {
  if (type == at::kFloat) return "fp32";
  if (type == at::kHalf) return "fp16";
  if (type == at::kBFloat16) return "bf16";
  return c10::toString(type);
}

/// transformers 5 may stack the experts of a layer: gate_up_proj [experts, 2 * width, d] and down_proj [experts, d,
/// width]. Each expert's matrices are views of them.
bool split_stacked_experts(const std::string& name, const at::Tensor& tensor, NamedTensors& out) {
  const size_t at = name.find(".mlp.experts.");
  if (at == std::string::npos || tensor.dim() != 3) return false;
  const std::string part = name.substr(at + 13), prefix = name.substr(0, at + 13);
  const bool gate_up = part.starts_with("gate_up_proj"), down = part.starts_with("down_proj");
  if (!gate_up && !down) return false;
  for (int64_t e = 0; e < tensor.size(0); ++e) {
    const std::string expert = prefix + std::to_string(e) + ".";
    if (down) {
      out.emplace_back(expert + "down_proj.weight", tensor[e]);
    } else {
      const int64_t width = tensor.size(1) / 2;
      out.emplace_back(expert + "gate_proj.weight", tensor[e].narrow(0, 0, width));
      out.emplace_back(expert + "up_proj.weight", tensor[e].narrow(0, width, width));
    }
  }
  return true;
}

/// Renames everything, drops buffers and says what it did.
NamedTensors renamed(const NamedTensors& tensors, const std::string& file, std::vector<std::string>& notes) {
  NamedTensors result;
  std::set<std::string> seen;
  size_t stripped = 0, buffers = 0;
  for (const auto& [key, tensor] : tensors) {
    const std::string_view bare = without_prefixes(key);
    if (is_buffer(bare)) {
      ++buffers;
      continue;
    }
    if (bare.size() != key.size()) ++stripped;
    const std::string name = huggingface_name(bare);
    if (!tensor.is_floating_point()) {
      throw Error(ExitCode::kCheckpoint, got_want(file + ":" + show_key(key),
                                                  std::string("a tensor of ") + c10::toString(tensor.scalar_type()),
                                                  "floating-point weights"));
    }
    if (!seen.insert(name).second) {
      throw Error(ExitCode::kCheckpoint,
                  got_want(file + ":" + show_key(key), "a second tensor for " + show_key(name), "one"));
    }
    if (!split_stacked_experts(name, tensor, result)) result.emplace_back(name, tensor);
  }
  if (stripped > 0) notes.push_back(format("stripped _orig_mod. or module. from %zu keys", stripped));
  if (buffers > 0) notes.push_back(format("dropped %zu masks or tables that follow from the config", buffers));
  return result;
}

bool same_bytes(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.sizes() != b.sizes()) return false;
  if (a.data_ptr() == b.data_ptr() && a.strides() == b.strides()) return true;
  const at::Tensor x = a.contiguous(), y = b.contiguous();
  return std::memcmp(x.data_ptr(), y.data_ptr(), x.nbytes()) == 0;
}

/// A head equal to the embedding is the tied pair's second name. What the comparison read leaves memory again.
void drop_tied_head(NamedTensors& tensors, const std::vector<std::shared_ptr<const MappedFile>>& maps,
                    std::vector<std::string>& notes) {
  const auto find = [&](std::string_view name) {
    return std::find_if(tensors.begin(), tensors.end(), [&](const auto& entry) { return entry.first == name; });
  };
  const auto head = find(kHeadName), embedding = find(kEmbeddingName);
  if (head == tensors.end() || embedding == tensors.end()) return;
  const bool tied = same_bytes(head->second, embedding->second);
  for (const auto& map : maps) {
    for (const at::Tensor& read : {head->second, embedding->second}) map->release(read.const_data_ptr(), read.nbytes());
  }
  if (!tied) return;
  tensors.erase(head);
  notes.emplace_back("the head is the embedding");
}

std::string description_of(const Weights& weights, const std::string& format_name,
                           const std::vector<std::string>& notes) {
  std::set<std::string> dtypes;
  for (const auto& [name, tensor] : weights.tensors) dtypes.insert(dtype_text(tensor.scalar_type()));
  const FileModel& file = weights.file;
  std::vector<std::string> parts = {
      format("%s%s, %s, %zu tensors",
             file.settings_path.empty() ? (std::string(file.recognized.generation->name) + " ").c_str() : "",
             format_name.c_str(), join({dtypes.begin(), dtypes.end()}, " and ").c_str(), weights.tensors.size())};
  parts.insert(parts.end(), notes.begin(), notes.end());
  return join(parts, "; ");
}

/// The file stands alone where transformers puts a config.json: what shapes do not say is a guess.
void warn_of_guess(const FileModel& file) {
  std::vector<std::string> guessed;
  for (const char* key : {"num_attention_heads", "rope_theta", "rms_norm_eps"}) {
    guessed.push_back(std::string(key) + "=" + setting_of(file.model, key));
  }
  log_warning(got_want(file.path, "no config.json beside it", "one that says what model it is",
                       "taken for " + std::string(file.recognized.generation->title) + " with " + join(guessed, ", ") +
                           "; put its config.json there, or name what differs with --set and --generation"));
}

}  // namespace

Weights open_weights(const std::string& from, const Generation* given, const std::string& key) {
  TensorSource source = open_tensor_source(from, key);
  std::vector<std::string> notes;
  Weights weights;
  weights.tensors = from_huggingface_class(renamed(source.tensors, source.path, notes), source.model_type, source.path);
  drop_tied_head(weights.tensors, source.maps, notes);

  const bool minimind_names = std::any_of(source.tensors.begin(), source.tensors.end(), [](const auto& entry) {
    return without_prefixes(entry.first) == "tok_embeddings.weight";
  });
  std::vector<NamedShape> shapes;
  for (const auto& [name, tensor] : weights.tensors) shapes.push_back({name, tensor.sizes().vec()});
  const Recognized recognized = recognize(shapes, minimind_names, given, source.path);
  weights.file = describe_file_model(source.path, recognized, source.settings_path, source.settings);
  if (source.lacks_config && given == nullptr) warn_of_guess(weights.file);
  if (!source.average_path.empty()) notes.push_back("their average is in " + source.average_path);
  weights.description = description_of(weights, source.format, notes);
  if (source.training) {
    weights.training = read_training_state(*source.training, *recognized.generation, weights.file.model);
  }
  weights.tokenizer_path = source.tokenizer_path;
  weights.sequence_length = source.sequence_length;
  weights.max_positions = source.max_positions;
  weights.maps = std::move(source.maps);
  return weights;
}

NamedTensors checked_tensors(const Weights& weights, const ModelConfig& model) {
  NamedTensors tensors = weights.tensors;
  std::vector<ExpectedTensor> want;
  for (const NamedSlice& slice : parameter_layout(model).named) want.push_back({slice.name, slice.shape});
  for (const std::string& name : router_bias_names(model)) {
    want.push_back({name, {model.moe.num_experts}});
    const auto has_name = [&](const auto& entry) { return entry.first == name; };
    // A router without bias is one whose biases are 0.
    if (std::none_of(tensors.begin(), tensors.end(), has_name)) {
      tensors.emplace_back(name, at::zeros({model.moe.num_experts}, at::kFloat));
    }
  }
  check_named(tensors, want, weights.file.path);
  return in_rope_layout(tensors, *model.head_dim, weights.file.model.rope_layout, model.rope_layout);
}

void copy_weights(const Weights& weights, const ModelConfig& model, Parameters& parameters) {
  copy_named(checked_tensors(weights, model), parameters.tensors(), weights.file.path, weights.maps);
  const std::string problem = describe_non_finite(parameters.tensors());
  if (!problem.empty()) {
    throw Error(ExitCode::kCheckpoint, got_want(weights.file.path, problem, "numbers",
                                                "take another copy, or weights from before that training diverged"));
  }
  parameters.refresh_shadow();
}

}  // namespace mm
