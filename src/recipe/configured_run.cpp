// Read twice: once for `init.from`, then over the model that it names.
#include "recipe/configured_run.h"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/store/checkpoint_store.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "interchange/config/model_settings.h"
#include "recipe/resume/resume_policy.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// The config without any check: enough to know where the weights are.
RunConfig glance(const std::string& path, const std::vector<std::string>& overrides) {
  Problems ignored_problems;
  std::vector<std::string> ignored_notes;
  RunConfig config = read_run_config(path, overrides, {}, TensorsTell::kYes, ignored_problems, ignored_notes).config;
  if (config.run.name.empty()) config.run.name = default_run_name(path);
  return config;
}

bool is_there(const std::string& path) {
  return !path.empty() && path_kind(path, ExitCode::kData) == PathKind::kFile;
}

/// What a run that has begun says of itself: the weights that it started from may be gone.
struct SavedRun {
  ModelConfig model;
  std::string tokenizer;
};

SavedRun saved_run(const std::string& path) {
  if (path_kind(path, ExitCode::kConfig) != PathKind::kFile) return {};
  const std::string text = read_file(path, ExitCode::kConfig);
  const auto json = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  SavedRun run;
  if (!json.is_object() || !json.contains("model")) return run;
  run.model = with_settings(ModelConfig(), settings_of_section(json["model"].dump(), path));
  run.tokenizer = tokenizer_path_in(text);
  return run;
}

/// Weights are worth nothing with another tokenizer than the one they were trained with: unless the command line names
/// one, theirs is taken where the config names none, one that is not there, or, for a folder with its own, any other.
/// Returns settings to be read before those of the command line.
std::vector<std::string> tokenizer_of(const std::string& tokenizer, bool in_their_folder, const RunConfig& config,
                                      std::vector<std::string>& notes) {
  const std::string& named = config.tokenizer.path;
  if (!is_there(tokenizer) || tokenizer == named || (is_there(named) && !in_their_folder)) return {};
  if (!named.empty()) {
    notes.push_back(got_want("tokenizer.path", named, tokenizer + ", which belongs to " + config.init.from,
                             "that is taken; --set tokenizer.path=" + named + " insists"));
  }
  return {"tokenizer.path=" + quote_json(tokenizer), "tokenizer.train=false", "tokenizer.vocab_size=null"};
}

bool names_tokenizer(const std::vector<std::string>& overrides) {
  return std::any_of(overrides.begin(), overrides.end(),
                     [](const std::string& setting) { return setting.starts_with("tokenizer.path="); });
}

/// Whether it lies beside the weights.
bool is_beside(const std::string& tokenizer, const Weights& weights) {
  std::error_code failed;
  const fs::path path(weights.file.path), beside = fs::path(tokenizer).parent_path();
  const fs::path folder = fs::is_directory(path, failed) ? path : fs::absolute(path, failed).parent_path();
  return !tokenizer.empty() && fs::equivalent(folder, beside, failed);
}

}  // namespace

ConfiguredRun configure_run(const std::string& path, const std::vector<std::string>& overrides,
                            std::vector<std::string>& notes) {
  const RunConfig glanced = glance(path, overrides);
  if (glanced.init.from.empty()) return {load_run_config(path, overrides, notes), {}};
  const auto with_tokenizer = [&](const std::string& tokenizer, bool in_their_folder) {
    std::vector<std::string> all;
    if (!names_tokenizer(overrides)) all = tokenizer_of(tokenizer, in_their_folder, glanced, notes);
    all.insert(all.end(), overrides.begin(), overrides.end());
    return all;
  };
  const fs::path folder(glanced.folder());
  if (!checkpoint_steps((folder / "checkpoints").string()).empty()) {
    const SavedRun saved = saved_run((folder / "config.json").string());
    return {load_run_config(path, with_tokenizer(saved.tokenizer, true), notes, &saved.model), {}};
  }
  if (path_kind(glanced.init.from, ExitCode::kCheckpoint) == PathKind::kMissing) {
    return {load_run_config(path, overrides, notes), {}};
  }
  Weights weights = open_initial_weights(glanced.init);
  const std::string& tokenizer = weights.tokenizer_path;
  RunConfig config = load_run_config(path, with_tokenizer(tokenizer, is_beside(tokenizer, weights)), notes,
                                     &weights.file.model, &weights.file);
  return {std::move(config), std::move(weights)};
}

Weights open_initial_weights(const InitConfig& init) {
  const Generation* given = init.generation == "auto" ? nullptr : &find_generation(init.generation, "init.generation");
  return open_weights(init.from, given, "init.from");
}

}  // namespace mm
