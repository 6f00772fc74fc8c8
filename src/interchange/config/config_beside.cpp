// One file at most is read: a folder's own, else that of the run around it.
#include "interchange/config/config_beside.h"

#include <filesystem>

#include "core/error.h"
#include "core/files/files.h"
#include "core/terminal/log.h"
#include "interchange/config/foreign_config.h"
#include "interchange/config/model_settings.h"
#include "interchange/config/strict_json.h"

namespace mm {
namespace {

constexpr const char* kConfigFile = "config.json";
constexpr size_t kLargestConfig = size_t{16} << 20;

bool is_there(const std::filesystem::path& path) {
  return path_kind(path.string(), ExitCode::kCheckpoint) != PathKind::kMissing;
}

/// The config.json that goes with the weights, "" when there is none.
std::filesystem::path config_path(const std::string& weights) {
  std::error_code failed;
  const std::filesystem::path whole = std::filesystem::absolute(weights, failed);
  const std::filesystem::path folder =
      (failed ? std::filesystem::path(weights) : whole).lexically_normal().parent_path();
  if (is_there(folder / kConfigFile)) return folder / kConfigFile;
  if (folder.parent_path().filename() != "checkpoints") return {};
  const std::filesystem::path of_run = folder.parent_path().parent_path() / kConfigFile;
  return is_there(of_run) ? of_run : std::filesystem::path();
}

/// A member of a section of a run's config; nothing when it has none.
const JsonTree* find_setting(const JsonTree& config, const char* section, const char* key) {
  const JsonTree* found = find_member(config, section);
  return found == nullptr ? nullptr : find_member(*found, key);
}

void read_run_settings(const JsonTree& config, const std::string& path, bool described, ConfigBeside& beside) {
  if (!described) beside.settings = settings_of_section(to_json(*find_member(config, "model")), path);
  const JsonTree* tokenizer = find_setting(config, "tokenizer", "path");
  if (tokenizer != nullptr && tokenizer->is(JsonTree::Kind::kString)) beside.tokenizer_path = tokenizer->text;
  const JsonTree* length = find_setting(config, "data", "sequence_length");
  if (length != nullptr) beside.sequence_length = length->integer.value_or(0);
}

}  // namespace

bool has_export_name(const std::string& weights) {
  const std::string name = std::filesystem::path(weights).filename().string();
  return name == "model.safetensors" || name == "model.safetensors.index.json" || name == "pytorch_model.bin" ||
         name == "pytorch_model.bin.index.json" || (name.starts_with("model-") && name.ends_with(".safetensors")) ||
         (name.starts_with("pytorch_model-") && name.ends_with(".bin"));
}

ConfigBeside read_config_beside(const std::string& weights, bool described) {
  ConfigBeside beside;
  const std::filesystem::path file = config_path(weights);
  if (file.empty()) return beside;
  const std::string path = file.string();
  if (path_kind(path, ExitCode::kCheckpoint) == PathKind::kOther) {
    throw Error(ExitCode::kCheckpoint, got_want(path, "a pipe or a device", "a file", "restore it from a copy"));
  }
  const std::string text = read_file(path, ExitCode::kCheckpoint, kLargestConfig);
  const JsonTree config = parse_object(text, path);
  const JsonTree* model = find_member(config, "model");
  if (model != nullptr && model->is(JsonTree::Kind::kObject)) {
    read_run_settings(config, path, described, beside);
  } else if (const JsonTree* type = find_member(config, "model_type")) {
    beside.model_type = type->text;
    std::vector<std::string> notes;
    if (!described) beside.settings = read_foreign_config(text, path, notes);
    for (const std::string& note : notes) log_warning(note);
    for (const char* name : {"tokenizer.json", "tokenizer.model"}) {
      const std::filesystem::path tokenizer = file.parent_path() / name;
      if (beside.tokenizer_path.empty() && is_there(tokenizer)) beside.tokenizer_path = tokenizer.string();
    }
    if (const JsonTree* length = find_member(config, "max_position_embeddings")) {
      beside.max_positions = length->integer.value_or(0);
    }
  } else if (has_export_name(weights)) {
    throw Error(ExitCode::kCheckpoint, got_want(path, "neither \"model_type\" nor \"model\"",
                                                "the config of the model beside it", "restore it from a copy"));
  } else {
    log_warning(got_want(path, "neither \"model_type\" nor \"model\"", "the config of " + weights, "it is not used"));
    return beside;
  }
  beside.path = path;
  return beside;
}

}  // namespace mm
