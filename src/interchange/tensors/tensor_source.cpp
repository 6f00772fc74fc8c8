// A path is tried as a file, as a folder of weights and as a run; then what lies beside the weights is read.
#include "interchange/tensors/tensor_source.h"

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <fstream>
#include <set>

#include "checkpoint/safetensors.h"
#include "checkpoint/store/checkpoint_reader.h"
#include "core/error.h"
#include "interchange/config/config_beside.h"
#include "interchange/config/model_settings.h"
#include "interchange/config/strict_json.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kSafetensors = "model.safetensors";
constexpr const char* kIndex = "model.safetensors.index.json";
constexpr const char* kTorchBin = "pytorch_model.bin";
constexpr const char* kTorchIndex = "pytorch_model.bin.index.json";

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
  for (const char* name : {kSafetensors, kIndex, kTorchBin, kTorchIndex}) {
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

/// The tokenizer that a file of ours names; one that is gone is as good as none.
void take_tokenizer(const std::string& noted, TensorSource& source) {
  const bool is_there = !noted.empty() && path_kind(noted, ExitCode::kData) == PathKind::kFile;
  if (is_there) source.tokenizer_path = noted;
}

void read_safetensors(const std::string& path, TensorSource& source) {
  const auto file = std::make_shared<const SafetensorsFile>(path);
  for (auto& entry : file->tensors()) source.tensors.push_back(std::move(entry));
  source.maps.emplace_back(file, &file->map());
  const auto noted = [&](const char* key) {
    const auto found = file->metadata().find(key);
    return found == file->metadata().end() ? std::string() : found->second;
  };
  take_tokenizer(noted(kTokenizerMetadata), source);
  const std::string length = noted(kLengthMetadata);
  std::from_chars(length.data(), length.data() + length.size(), source.sequence_length);
  const std::string model = noted(kModelMetadata);
  if (model.empty()) return;
  source.settings_path = path;
  source.settings = settings_of_section(model, path);
}

/// The state dict in a larger dict, as trainers save it: MiniMind and nanoGPT under "model", Lightning under
/// "state_dict", DeepSpeed under "module".
std::optional<PickleValue> nested_state_dict(const PickleValue& root) {
  if (!root.is(PickleKind::kDict)) return {};
  for (const char* key : {"model", "state_dict", "model_state_dict", "module"}) {
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
  take_tokenizer(file->note(kTokenizerMetadata), source);
  const PickleValue root = file->root();
  const std::optional<PickleValue> nested = nested_state_dict(root);
  for (auto& entry : file->tensors(nested.value_or(root))) source.tensors.push_back(std::move(entry));
  if (nested && is_training_state(root)) source.training = std::move(file);
}

/// A safetensors file begins with the length of its header, which is a JSON object.
bool is_safetensors(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  uint64_t length = 0;
  std::error_code unknown;
  file.read(reinterpret_cast<char*>(&length), sizeof length);
  return file.get() == '{' && length < fs::file_size(path, unknown);
}

/// By the name, which transformers and MiniMind give, else by what is in the file.
void read_weights(const std::string& path, TensorSource& source) {
  const std::string ending = fs::path(path).extension().string();
  const bool torch = ending == ".pth" || ending == ".pt" || ending == ".bin";
  if (ending == ".safetensors" || (!torch && is_safetensors(path))) {
    source.format = ".safetensors";
    read_safetensors(path, source);
  } else {
    source.format = ".pth";
    read_pth(path, source);  // and says what else it is
  }
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
  for (const std::string& shard : shards) read_weights((index.parent_path() / shard).string(), source);
}

/// What the config.json beside the file says.
void read_settings_beside(const fs::path& file, TensorSource& source) {
  ConfigBeside beside = read_config_beside(file.string(), !source.settings_path.empty());
  if (!beside.tokenizer_path.empty()) source.tokenizer_path = std::move(beside.tokenizer_path);
  if (beside.sequence_length > 0) source.sequence_length = beside.sequence_length;
  if (!source.settings_path.empty()) return;
  source.max_positions = beside.max_positions;
  source.model_type = std::move(beside.model_type);
  source.settings_path = std::move(beside.path);
  source.settings = std::move(beside.settings);
}

}  // namespace

TensorSource open_tensor_source(const std::string& from, const std::string& key) {
  const fs::path file = find_file(from, key);
  TensorSource source;
  source.path = file.string();
  source.average_path = average_beside(source.path);
  if (file.filename() == kIndex || file.filename() == kTorchIndex) {
    source.path = file.parent_path().string();
    read_shards(file, source);
  } else {
    read_weights(source.path, source);
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
