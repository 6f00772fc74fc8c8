// A path is tried as a file, as a folder of weights and as a run; then what lies beside the weights is read.
#include "interchange/tensor_source.h"

#include <algorithm>
#include <filesystem>
#include <set>

#include "checkpoint/checkpoint_reader.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "interchange/config_beside.h"
#include "interchange/model_settings.h"
#include "interchange/strict_json.h"

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

/// The file with the weights, or the index of its shards. A checkpoint of ours is verified here.
fs::path find_file(const std::string& from, const std::string& key) {
  const fs::path path(from);
  const auto kind_of = [](const fs::path& each) { return path_kind(each.string(), ExitCode::kCheckpoint); };
  const PathKind kind = kind_of(path);
  if (kind == PathKind::kFile) {
    verify_weights(from);
    return path;
  }
  if (kind == PathKind::kMissing) {
    std::error_code failed;
    const fs::path whole = fs::absolute(path, failed);
    refuse(key, from + ", and there is nothing at " + (failed ? path : whole).lexically_normal().string(), "weights",
           "put the file there");
  }
  verify_weights((path / kSafetensors).string());
  for (const char* name : {kSafetensors, kIndex, kTorchBin}) {
    if (kind_of(path / name) != PathKind::kMissing) return path / name;
  }
  const std::string checkpoints = (path / "checkpoints").string();
  if (kind_of(checkpoints) != PathKind::kMissing) {
    const std::string folder = find_whole_checkpoint(checkpoints);
    if (!folder.empty()) return fs::path(folder) / kSafetensors;
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
  const auto refuse_index = [&](const std::string& got) {
    throw Error(ExitCode::kCheckpoint,
                got_want(index.string() + ":weight_map", got, "an object from tensor names to files beside it"));
  };
  const JsonTree json = parse_object(read_file(index.string(), ExitCode::kCheckpoint), index.string());
  const JsonTree* weight_map = find_member(json, "weight_map");
  if (weight_map == nullptr) refuse_index("none");
  if (!weight_map->is(JsonTree::Kind::kObject)) refuse_index(show_json(*weight_map));
  std::set<std::string> shards;
  for (const auto& [tensor, file] : weight_map->members) {
    if (!file.is(JsonTree::Kind::kString) || file.text.find('/') != std::string::npos) refuse_index(show_json(file));
    shards.insert(file.text);
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

/// What the config.json beside the file says.
void read_settings_beside(const fs::path& file, TensorSource& source) {
  ConfigBeside beside = read_config_beside(file.string(), !source.settings_path.empty());
  source.tokenizer_path = std::move(beside.tokenizer_path);
  source.sequence_length = beside.sequence_length;
  if (!source.settings_path.empty()) return;
  source.settings_path = std::move(beside.path);
  source.settings = std::move(beside.settings);
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
  source.lacks_config = source.settings_path.empty() && has_export_name(file.string());
  if (source.lacks_config && path_kind(from, ExitCode::kCheckpoint) == PathKind::kFolder) {
    refuse(key, from + ", which has no config.json", "a folder that says what model is in it",
           "put config.json there, or name " + file.string() + " itself to open it as a MiniMind model");
  }
  return source;
}

}  // namespace mm
