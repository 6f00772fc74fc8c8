// Three layers: what the shapes and the generation say, what a file beside them says, what the user says.
#include "interchange/file_model.h"

#include <algorithm>

#include "core/error.h"
#include "core/terminal/log.h"
#include "core/text.h"
#include "interchange/config/model_settings.h"

namespace mm {
namespace {

bool names(const std::vector<std::string>& settings, const std::string& key) {
  return std::any_of(settings.begin(), settings.end(),
                     [&](const std::string& setting) { return setting.starts_with("model." + key + "="); });
}

bool names_key_value_heads(const std::vector<std::string>& settings) {
  return names(settings, "num_key_value_heads") || names(settings, "n_kv_heads");
}

ModelConfig resolved(ModelConfig model, const std::string& where, ExitCode code = ExitCode::kConfig) {
  Problems problems;
  resolve_model(model, where, problems);
  if (!problems.empty()) throw Error(code, join(problems.messages(), "\n"));
  return model;
}

}  // namespace

FileModel describe_file_model(const std::string& path, const Recognized& recognized, const std::string& settings_path,
                              const std::vector<std::string>& settings) {
  const bool described = !settings_path.empty();
  ModelConfig model = with_file_settings(recognized.model, settings, settings_path);
  settle_heads(recognized, names_key_value_heads(settings), model);
  model = described ? resolved(model, settings_path, ExitCode::kCheckpoint) : resolved(model, path);
  check_facts(recognized, {{settings_path, model}}, path);
  return {path, recognized, settings_path, settings, model};
}

const Generation& generation_of_flags(const FileModel& file, const std::vector<std::string>& flags) {
  const Generation& recognized = *file.recognized.generation;
  const ModelConfig flagged = with_settings(file.model, flags);
  const auto agrees = [&](const Generation& generation) {
    const ModelConfig standard = generation_model(generation, file.model.is_moe());
    for (const char* key : {"rope_theta", "router_aux_loss_coef", "norm_top1_prob"}) {
      if (names(flags, key) && setting_of(flagged, key) != setting_of(standard, key)) return false;
    }
    return true;
  };
  if (agrees(recognized)) return recognized;
  for (const Generation& generation : generations()) {
    const bool alike = generation.names == recognized.names && generation.gate_first == recognized.gate_first;
    if (alike && agrees(generation)) return generation;
  }
  return recognized;
}

std::string top1_assumption(const FileModel& file, const ModelConfig& model, const std::vector<std::string>& flags,
                            const std::string& key) {
  const bool open = file.settings_path.empty() && file.recognized.assumed && file.recognized.generation->name == "g4";
  const bool matters = model.is_moe() && model.moe.num_experts_per_tok == 1 && model.moe.normalises_weights();
  if (!open || !matters || names(flags, "norm_top1_prob")) return "";
  return got_want(file.path, "one expert per token and nothing that says its weight", key + " g4 or g4c",
                  "taken for g4, where the weight is 1; a file trained by MiniMind since 2026-09-17 keeps the raw "
                  "probability: " +
                      key + " g4c");
}

ModelConfig model_with_flags(const FileModel& file, const std::vector<std::string>& flags) {
  ModelConfig model = with_settings(file.model, flags);
  settle_heads(file.recognized, names_key_value_heads(flags), model);
  model = resolved(model, "--set");
  std::vector<ModelSource> sources;
  if (!file.settings_path.empty()) sources.push_back({file.settings_path, file.model});
  sources.push_back({"--set", model});
  check_facts(file.recognized, sources, file.path);
  if (const std::string line = top1_assumption(file, model, flags, "--generation"); !line.empty()) log_warning(line);
  return model;
}

void complete_from_file(const FileModel& file, ModelConfig& model) {
  settle_heads(file.recognized, model.num_key_value_heads != file.model.num_key_value_heads, model);
}

void check_against_file(const FileModel& file, const std::string& config_path, const ModelConfig& config,
                        const std::vector<std::string>& flags, const ModelConfig& model) {
  std::vector<ModelSource> sources;
  if (!file.settings_path.empty()) sources.push_back({file.settings_path, file.model});
  if (!config_path.empty()) sources.push_back({config_path, config});
  if (!flags.empty()) sources.push_back({"--set", model});
  if (sources.empty()) return;
  check_facts(file.recognized, sources, file.path);
  if (!file.settings_path.empty()) return;

  std::vector<std::string> conflicts;
  for (const char* key : {"rope_theta", "rms_norm_eps"}) {
    const std::string theirs = setting_of(file.model, key), ours = setting_of(model, key);
    if (theirs == ours || names(flags, key)) continue;
    conflicts.push_back(got_want(file.path + ":model." + key, ours + " in " + config_path,
                                 theirs + ", which " + std::string(file.recognized.generation->title) + " has",
                                 "leave it out of the config, name the generation with init.generation, or insist with "
                                 "--set model." +
                                     std::string(key) + "=" + ours));
  }
  if (!conflicts.empty()) throw Error(ExitCode::kCheckpoint, join(conflicts, "\n"));
}

}  // namespace mm
