// A path is tried as a file, as a folder of weights and as a run; then what lies beside the weights is read.
#include "interchange/tensor_source.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>

#include "checkpoint/checkpoint_store.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "interchange/huggingface_config.h"
#include "interchange/model_settings.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSafetensors = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kTorchBin = "pytorch_model.bin";

/// `remedy` is the way out that any user of weights has; a run can be trained from scratch as well.
[[noreturn]] void refuse(const std::string& key, const std::string& got, const std::string& want,
                         const std::string& remedy) {
  const std::string from_scratch = key == "init.from" ? "train from scratch with --from-scratch, or " : "";
  throw Error(ExitCode::kCheckpoint, got_want(key, got, want, from_scratch + remedy));
}

/// The file with the weights, or the index of its shards.
fs::path find_file(const std::string& from, const std::string& key) {
  const fs::path path(from);
  std::error_code ignored;
  if (fs::is_regular_file(path, ignored)) return path;
  if (!fs::exists(path, ignored)) {
    refuse(key, from + ", and there is nothing at " + fs::absolute(path).lexically_normal().string(), "weights",
           "put the file there");
  }
  for (const char* name : {kSafetensors, kIndex, kTorchBin}) {
    if (fs::exists(path / name)) return path / name;
  }
  if (fs::exists(path / "checkpoints" / "best")) return path / "checkpoints" / "best" / kSafetensors;
  if (fs::exists(path / "checkpoints")) {
    const CheckpointStore store((path / "checkpoints").string(), 1);
    if (!store.steps().empty()) return fs::path(store.step_folder(store.steps().back())) / kSafetensors;
  }
  refuse(key, from, "a .pth or .safetensors file, a Hugging Face folder, or a run with checkpoints/",
         "name a run below output/, for example");
}

void read_safetensors(const std::string& path, TensorSource& source) {
  const auto file = std::make_shared<const SafetensorsFile>(path);
  for (auto& entry : file->tensors()) source.tensors.push_back(std::move(entry));
  source.maps.emplace_back(file, &file->map());
  const auto model = file->metadata().find(kModelMetadata);
  if (model == file->metadata().end()) return;
  source.settings_path = path;
  source.settings = settings_of_section(model->second, path);
}

/// All shards that an index names; they lie beside it.
void read_shards(const fs::path& index, TensorSource& source) {
  const auto json = nlohmann::json::parse(read_file(index.string(), ExitCode::kCheckpoint), nullptr, false);
  const auto refuse_index = [&](const std::string& got) {
    throw Error(ExitCode::kCheckpoint,
                got_want(index.string() + ":weight_map", got, "an object from tensor names to files beside it"));
  };
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object()) refuse_index("none");
  std::set<std::string> shards;
  for (const auto& [tensor, file] : json["weight_map"].items()) {
    if (!file.is_string() || file.get<std::string>().find('/') != std::string::npos) refuse_index(file.dump());
    shards.insert(file.get<std::string>());
  }
  for (const std::string& shard : shards) read_safetensors((index.parent_path() / shard).string(), source);
}

/// The state dict in a larger dict, as trainers save it: MiniMind and nanoGPT under "model", others by other names.
std::optional<PickleValue> nested_state_dict(const PickleValue& root) {
  if (!root.is(PickleKind::kDict)) return {};
  for (const char* key : {"model", "state_dict", "model_state_dict"}) {
    const std::optional<PickleValue> value = root.find(key);
    if (value && value->is(PickleKind::kDict)) return value;
  }
  return {};
}

bool is_training_state(const PickleValue& root) {
  return root.find("optimizer") && root.find("epoch") && root.find("step");
}

void read_pth(const std::string& path, TensorSource& source) {
  auto file = std::make_shared<const PthFile>(path);
  source.maps.emplace_back(file, &file->map());
  const PickleValue root = file->root();
  const std::optional<PickleValue> nested = nested_state_dict(root);
  source.tensors = file->tensors(nested.value_or(root));
  if (nested && is_training_state(root)) source.training = std::move(file);
}

/// config.json of the folder or of the run around it: Hugging Face's, or that of a run.
void read_settings_beside(const fs::path& file, TensorSource& source) {
  const fs::path folder = fs::absolute(file).lexically_normal().parent_path();
  for (const fs::path& candidate : {folder, folder.parent_path().parent_path()}) {
    const fs::path config = candidate / "config.json";
    if (!fs::is_regular_file(config)) continue;
    const std::string text = read_file(config.string(), ExitCode::kCheckpoint);
    const auto json = nlohmann::json::parse(text, nullptr, false);
    if (!json.is_object()) continue;
    const bool run = json.contains("model") && json["model"].is_object();
    const bool huggingface = candidate == folder && json.contains("model_type");
    if (!run && !huggingface) continue;
    if (source.settings_path.empty()) {
      source.settings_path = config.string();
      source.settings = run ? settings_of_section(json["model"].dump(), config.string())
                            : read_huggingface_config(text, config.string());
    }
    if (run) {
      source.tokenizer_path = json.value("/tokenizer/path"_json_pointer, "");
      source.sequence_length = json.value("/data/sequence_length"_json_pointer, int64_t{0});
    }
    if (huggingface && fs::exists(folder / "tokenizer.json")) {
      source.tokenizer_path = (folder / "tokenizer.json").string();
    }
    return;
  }
}

}  // namespace

TensorSource open_tensor_source(const std::string& from, const std::string& key) {
  const fs::path file = find_file(from, key);
  TensorSource source;
  source.path = file.string();
  const std::string ending = file.extension().string();
  if (file.filename() == kIndex) {
    source.path = file.parent_path().string();
    source.format = ".safetensors";
    read_shards(file, source);
  } else if (ending == ".safetensors") {
    source.format = ending;
    read_safetensors(source.path, source);
  } else if (ending == ".pth" || ending == ".pt" || ending == ".bin") {
    source.format = ".pth";
    read_pth(source.path, source);
  } else {
    refuse(key, from, "a name ending in .pth or .safetensors", "rename it");
  }
  read_settings_beside(file, source);
  return source;
}

}  // namespace mm
