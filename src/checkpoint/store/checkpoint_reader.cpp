// Names and hashes only; tensors are read elsewhere.
#include "checkpoint/store/checkpoint_reader.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <utility>
#include <vector>

#include "checkpoint/store/checkpoint_manifest.h"
#include "checkpoint/store/step_name.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/json/json_text.h"
#include "core/terminal/log.h"
#include "core/text.h"

namespace mm {
namespace {

constexpr const char* kWeightsFile = "model.safetensors";
constexpr const char* kAverageFile = "average.safetensors";
constexpr const char* kSettingsFile = "config.json";
constexpr const char* kManifestFile = "manifest.json";

/// Links followed; the path itself where they cannot be.
std::filesystem::path followed(const std::filesystem::path& path) {
  std::error_code failed;
  std::filesystem::path real = std::filesystem::canonical(path, failed);
  return failed ? path : real;
}

std::filesystem::path folder_holding(const std::filesystem::path& file) {
  return file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
}

/// Whether the folder has a place and a name that only the checkpoints of a run have.
bool belongs_to_run(const std::filesystem::path& real_folder) {
  const std::string name = real_folder.filename().string();
  return real_folder.parent_path().filename() == "checkpoints" && (name.starts_with("step_") || name == "best");
}

bool is_there(const std::filesystem::path& path) {
  return path_kind(path.string(), ExitCode::kCheckpoint) != PathKind::kMissing;
}

void verify_weights_in(const std::filesystem::path& folder, const std::string& file = kWeightsFile) {
  const std::string manifest = (folder / kManifestFile).string();
  const PathKind kind = path_kind(manifest, ExitCode::kCheckpoint);
  if (kind == PathKind::kMissing) {
    throw Error(ExitCode::kCheckpoint,
                got_want(manifest, "no such file", "the manifest without which a checkpoint is not whole",
                         "restore it from a copy; " + file + " copied to another folder can be read unverified"));
  }
  if (kind != PathKind::kFile) {
    throw Error(ExitCode::kCheckpoint, got_want(manifest, "something else than a file", "the manifest of a checkpoint",
                                                "restore it from a copy"));
  }
  std::vector<std::string> files = {file};
  if (is_there(folder / kSettingsFile)) files.emplace_back(kSettingsFile);  // read beside the weights
  verify_manifest(folder.string(), parse_step_name(followed(folder).filename().string()), files);
}

std::vector<std::string> names_of_run(const std::string& checkpoints) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(checkpoints, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (failed) {
    throw Error(ExitCode::kCheckpoint, got_want(checkpoints, '"' + failed.message() + '"', "a folder of checkpoints",
                                                "check the path and its permissions"));
  }
  return names;
}

/// What `best` names, by itself where it is no link into the same folder. Tells `reasons` of a link to nothing.
std::string best_of_run(const std::string& checkpoints, std::vector<std::string>& reasons) {
  const std::filesystem::path best = std::filesystem::path(checkpoints) / "best";
  std::error_code no_link, unknown;
  const std::filesystem::path target = std::filesystem::read_symlink(best, no_link);
  if (!std::filesystem::exists(best, unknown)) {
    if (!no_link) {
      reasons.push_back(got_want(best.string(), "a link to " + show_key(target.string()) + ", which is not there",
                                 "a link to the best checkpoint", "remove it, or link it to a step_ folder"));
    }
    return "";
  }
  const bool within = !no_link && !target.has_parent_path();
  return within ? (std::filesystem::path(checkpoints) / target).string() : best.string();
}

/// In the order in which they are tried.
std::vector<std::string> candidates_of_run(const std::string& checkpoints, std::vector<std::string>& reasons) {
  std::vector<std::pair<int64_t, std::string>> steps;
  for (const std::string& name : names_of_run(checkpoints)) {
    if (const std::optional<int64_t> step = parse_step_name(name)) {
      steps.emplace_back(*step, (std::filesystem::path(checkpoints) / name).string());
    }
  }
  std::sort(steps.rbegin(), steps.rend());
  std::vector<std::string> candidates;
  if (const std::string best = best_of_run(checkpoints, reasons); !best.empty()) candidates.push_back(best);
  for (const auto& [step, folder] : steps) {
    if (candidates.empty() || folder != candidates.front()) candidates.push_back(folder);
  }
  return candidates;
}

}  // namespace

void verify_weights(const std::string& path) {
  // A link to the file and the file itself may lie in two folders.
  const std::filesystem::path given(path), real = followed(given);
  for (const std::filesystem::path& file : {given, real}) {
    const std::string name = file.filename().string();
    if (name != kWeightsFile && name != kAverageFile) continue;
    const std::filesystem::path folder = folder_holding(file);
    const bool ours = is_there(file) && is_there(folder / kManifestFile);
    if (!ours && !belongs_to_run(followed(folder))) continue;
    verify_weights_in(folder, name);
    return;
  }
}

std::string average_beside(const std::string& weights) {
  const std::filesystem::path path(weights), folder = folder_holding(path);
  const bool has_one = path.filename() == kWeightsFile && is_listed(folder.string(), kAverageFile);
  return has_one ? (folder / kAverageFile).string() : "";
}

std::string find_whole_checkpoint(const std::string& checkpoints) {
  std::vector<std::string> reasons;
  for (const std::string& folder : candidates_of_run(checkpoints, reasons)) {
    try {
      verify_weights_in(folder);
    } catch (const NewerFormat&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ExitCode::kCheckpoint) throw;
      std::error_code unknown;
      const bool gone = std::filesystem::status(folder, unknown).type() == std::filesystem::file_type::not_found;
      if (!gone) reasons.emplace_back(error.what());  // a run that is training removes some
      continue;
    }
    if (!reasons.empty()) log_warning(join(reasons, "\n") + "\nread instead: " + folder);
    return folder;
  }
  if (reasons.empty()) return "";
  throw Error(ExitCode::kCheckpoint,
              got_want(checkpoints, "no checkpoint that is whole", "at least one", "restore one from a copy") + "\n  " +
                  join(reasons, "\n  "));
}

}  // namespace mm
