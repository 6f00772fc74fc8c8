// Read twice: once for `init.from`, then over the model that it names.
#include "recipe/configured_run.h"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "checkpoint/checkpoint_store.h"
#include "core/files.h"
#include "interchange/model_settings.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// The config without any check: enough to know where the weights are.
RunConfig glance(const std::string& path, const std::vector<std::string>& overrides) {
  RunConfig config;
  Problems ignored_problems;
  std::vector<std::string> ignored_notes;
  read_config(
      path, overrides, [&](Fields& fields) { config.visit(fields); }, ignored_problems, ignored_notes);
  if (config.run.name.empty()) config.run.name = default_run_name(path);
  return config;
}

/// The model of a run that has begun: its weights may be gone from where it started.
ModelConfig saved_model(const std::string& path) {
  if (path_kind(path, ExitCode::kConfig) != PathKind::kFile) return {};
  const auto json = nlohmann::json::parse(read_file(path, ExitCode::kConfig), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !json.contains("model")) return {};
  return with_settings({}, settings_of_section(json["model"].dump(), path));
}

}  // namespace

ConfiguredRun configure_run(const std::string& path, const std::vector<std::string>& overrides,
                            std::vector<std::string>& notes) {
  const RunConfig glanced = glance(path, overrides);
  if (glanced.init.from.empty()) return {load_run_config(path, overrides, notes), {}};
  const fs::path folder(glanced.folder());
  if (!checkpoint_steps((folder / "checkpoints").string()).empty()) {
    return {load_run_config(path, overrides, notes, saved_model((folder / "config.json").string())), {}};
  }
  if (path_kind(glanced.init.from, ExitCode::kCheckpoint) == PathKind::kMissing)
    return {load_run_config(path, overrides, notes), {}};
  Weights weights = open_initial_weights(glanced.init);
  RunConfig config = load_run_config(path, overrides, notes, weights.file.model, &weights.file);
  return {std::move(config), std::move(weights)};
}

Weights open_initial_weights(const InitConfig& init) {
  const Generation* given = init.generation == "auto" ? nullptr : &find_generation(init.generation, "init.generation");
  return open_weights(init.from, given, "init.from");
}

}  // namespace mm
