// Saving under another name, verified loading with fall-back, and keeping no more than asked for.
#include "checkpoint/store/checkpoint_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <filesystem>
#include <set>

#include "checkpoint/finite.h"
#include "checkpoint/safetensors.h"
#include "checkpoint/store/checkpoint_manifest.h"
#include "checkpoint/store/step_name.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/files/leftovers.h"
#include "core/terminal/log.h"
#include "core/text.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr const char* kModelFile = "model.safetensors";
constexpr const char* kOptimizerFile = "optimizer.safetensors";
constexpr const char* kStateFile = "state.json";
constexpr const char* kConfigFile = "config.json";
constexpr const char* kAverageFile = "average.safetensors";
const std::vector<std::string> kFiles = {kModelFile, kOptimizerFile, kStateFile};

constexpr std::string_view kTemporaryInfix = ".tmp-";

std::string temporary_name(const std::string& path) {
  return path + std::string(kTemporaryInfix) + std::to_string(::getpid());
}

std::optional<int64_t> parse_number(std::string_view digits) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (error != std::errc() || end != digits.data() + digits.size() || number < 0) return std::nullopt;
  return number;
}

/// Whether `name` is what a process that is gone was writing.
bool is_leftover(const std::string& name) {
  const size_t infix = name.rfind(kTemporaryInfix);
  if (infix == std::string::npos) return false;
  const std::optional<int64_t> process = parse_number(std::string_view(name).substr(infix + kTemporaryInfix.size()));
  return process && *process > 0 && is_process_gone(*process);
}

bool exists(const std::string& path) {
  std::error_code failed;
  return fs::exists(path, failed);
}

/// None for a folder that is not there; what is there must be one that can be read.
std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  if (fs::symlink_status(folder, failed).type() == fs::file_type::not_found) return names;
  fs::directory_iterator entry(folder, failed);
  for (const fs::directory_iterator end; !failed && entry != end; entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (failed) {
    throw Error(ExitCode::kCheckpoint,
                got_want(folder, '"' + failed.message() + '"', "the folder of this run's checkpoints",
                         "make it readable or mount what it links to; to start from nothing, move it away"));
  }
  return names;
}

[[noreturn]] void throw_storage(const std::string& path, const std::error_code& error) {
  throw Error(ExitCode::kStorage, got_want(path, '"' + error.message() + '"', "a place that can be written",
                                           "check the folder, its permissions and the space left"));
}

void rename_durably(const std::string& from, const std::string& to) {
  std::error_code failed;
  fs::rename(from, to, failed);
  if (failed) throw_storage(to, failed);
  sync_folder(fs::path(to).parent_path().string());
}

/// Two folders swap their names, at no instant is one of them missing.
void exchange_durably(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) != 0) {
    throw_storage(to, std::error_code(errno, std::generic_category()));
  }
  sync_folder(fs::path(to).parent_path().string());
}

/// A folder that goes away unless it was renamed in time.
class TemporaryFolder {
 public:
  explicit TemporaryFolder(std::string path) : path_(std::move(path)) {
    std::error_code failed;
    fs::remove_all(path_, failed);
    fs::create_directories(path_, failed);
    if (failed) throw_storage(path_, failed);
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace

CheckpointStore::CheckpointStore(std::string folder, int64_t keep) : folder_(std::move(folder)), keep_(keep) {
  require(keep_ >= 1, "CheckpointStore: keep is at least 1");
  remove_leftovers();
}

void CheckpointStore::save(int64_t step, const Checkpoint& checkpoint, bool best, bool replace) {
  const std::string folder = step_folder(step);
  bool whole = false;
  if (exists(folder)) {
    try {
      verify_manifest(folder, step, kFiles);
      whole = true;
    } catch (const NewerFormat&) {
      throw;
    } catch (const Unreadable&) {
      throw;
    } catch (const Error& damaged) {
      set_aside(step, damaged.what());
    }
  }
  if (!whole || replace) {
    const TemporaryFolder temporary(temporary_name(folder));
    std::map<std::string, std::string> metadata = checkpoint.model_metadata;
    metadata.emplace("format", "pt");
    write_safetensors(temporary.path() + "/" + kModelFile, checkpoint.model, metadata);
    write_safetensors(temporary.path() + "/" + kOptimizerFile, checkpoint.optimizer);
    write_file_atomic(temporary.path() + "/" + kStateFile, checkpoint.state_json);
    std::vector<std::string> files = kFiles;
    if (!checkpoint.average.empty()) {
      write_safetensors(temporary.path() + "/" + kAverageFile, checkpoint.average, metadata);
      files.emplace_back(kAverageFile);
    }
    if (!checkpoint.config_json.empty()) {
      write_file_atomic(temporary.path() + "/" + kConfigFile, checkpoint.config_json);
      files.emplace_back(kConfigFile);
    }
    write_manifest(temporary.path(), step, files, checkpoint.healthy);
    if (whole) {
      exchange_durably(temporary.path(), folder);
    } else {
      rename_durably(temporary.path(), folder);
    }
  }
  if (best) point_best_at(step);
  remove_surplus(step);
}

std::vector<int64_t> checkpoint_steps(const std::string& folder) {
  std::vector<int64_t> result;
  for (const std::string& name : names_in(folder)) {
    if (const std::optional<int64_t> step = parse_step_name(name)) result.push_back(*step);
  }
  std::sort(result.begin(), result.end());
  return result;
}

std::vector<int64_t> CheckpointStore::steps() const {
  std::vector<int64_t> result = checkpoint_steps(folder_);
  std::erase_if(result, [&](int64_t step) { return !exists(step_folder(step) + "/manifest.json"); });
  return result;
}

std::optional<int64_t> CheckpointStore::best() const {
  std::error_code failed;
  const fs::path target = fs::read_symlink(fs::path(folder_) / "best", failed);
  if (failed || !exists(folder_ + "/" + target.string())) return std::nullopt;
  return parse_step_name(target.string());
}

std::string CheckpointStore::step_folder(int64_t step) const {
  return folder_ + "/" + step_name(step);
}

Checkpoint CheckpointStore::load(int64_t step) const {
  const std::string folder = step_folder(step);
  std::vector<std::string> files = kFiles;
  const bool has_config = exists(folder + "/" + kConfigFile);
  if (has_config) files.emplace_back(kConfigFile);
  const bool has_average = is_listed(folder, kAverageFile);
  if (has_average) files.emplace_back(kAverageFile);
  verify_manifest(folder, step, files);
  Checkpoint checkpoint = {.model = SafetensorsFile(folder + "/" + kModelFile).tensors(),
                           .optimizer = SafetensorsFile(folder + "/" + kOptimizerFile).tensors(),
                           .state_json = read_file(folder + "/" + kStateFile, ExitCode::kCheckpoint)};
  if (has_config) checkpoint.config_json = read_file(folder + "/" + kConfigFile, ExitCode::kCheckpoint);
  if (has_average) checkpoint.average = SafetensorsFile(folder + "/" + kAverageFile).tensors();
  checkpoint.healthy = is_healthy(folder);
  for (const NamedTensors* tensors : {&checkpoint.model, &checkpoint.optimizer, &checkpoint.average}) {
    const std::string problem = describe_non_finite(*tensors);
    if (problem.empty()) continue;
    throw Error(ExitCode::kCheckpoint, got_want(folder, problem, "numbers", "an older checkpoint may have them"));
  }
  return checkpoint;
}

std::optional<LoadedCheckpoint> CheckpointStore::load_newest() {
  std::vector<int64_t> candidates = checkpoint_steps(folder_);
  std::vector<std::pair<int64_t, std::string>> damaged;
  for (; !candidates.empty(); candidates.pop_back()) {
    const int64_t step = candidates.back();
    try {
      LoadedCheckpoint loaded{step, step_folder(step), load(step)};
      for (const auto& [bad_step, reason] : damaged) set_aside(bad_step, reason);
      return loaded;
    } catch (const NewerFormat&) {
      throw;
    } catch (const Unreadable&) {
      throw;
    } catch (const Error& error) {
      if (error.code() != ExitCode::kCheckpoint) throw;
      damaged.emplace_back(step, error.what());
    }
  }
  if (damaged.empty()) return std::nullopt;
  std::string reasons;
  for (const auto& [step, reason] : damaged) reasons += "\n  " + reason;
  throw Error(ExitCode::kCheckpoint,
              got_want(folder_, "no checkpoint that is whole", "at least one",
                       "restore one from a copy, or move this folder away to start from nothing") +
                  reasons);
}

void CheckpointStore::remove_leftovers() const {
  for (const std::string& name : names_in(folder_)) {
    std::error_code ignored;
    if (is_leftover(name)) fs::remove_all(fs::path(folder_) / name, ignored);
  }
}

void CheckpointStore::remove_surplus(int64_t newest) const {
  const std::vector<int64_t> all = steps();
  std::set<int64_t> kept(all.end() - std::min<std::ptrdiff_t>(keep_, std::ssize(all)), all.end());
  kept.insert(newest);
  if (const std::optional<int64_t> best_step = best()) kept.insert(*best_step);
  const auto healthy =
      std::find_if(all.rbegin(), all.rend(), [&](int64_t step) { return is_healthy(step_folder(step)); });
  if (healthy != all.rend()) kept.insert(*healthy);
  for (const int64_t step : all) {
    if (!kept.contains(step)) remove(step);
  }
}

void CheckpointStore::remove(int64_t step) const {
  // Renamed first: a folder that is half removed must not look like a damaged checkpoint.
  const std::string going = temporary_name(step_folder(step));
  std::error_code failed;
  fs::rename(step_folder(step), going, failed);
  if (!failed) fs::remove_all(going, failed);
  if (failed) log_warning(step_folder(step) + " cannot be removed: " + failed.message());
}

std::optional<LoadedCheckpoint> CheckpointStore::load_up_to(int64_t most, bool only_healthy) const {
  std::vector<int64_t> all = steps();
  for (; !all.empty(); all.pop_back()) {
    const int64_t step = all.back();
    if (step > most) continue;
    try {
      LoadedCheckpoint loaded{step, step_folder(step), load(step)};
      if (loaded.checkpoint.healthy || !only_healthy) return loaded;
    } catch (const Error& error) {
      if (error.code() != ExitCode::kCheckpoint) throw;
      log_warning(error.what());
    }
  }
  return std::nullopt;
}

void CheckpointStore::remove_after(int64_t last) const {
  for (const int64_t step : steps()) {
    if (step > last) remove(step);
  }
}

void CheckpointStore::restore_best(int64_t step) const {
  if (best() != step && exists(step_folder(step) + "/manifest.json")) point_best_at(step);
}

void CheckpointStore::point_best_at(int64_t step) const {
  const std::string link = folder_ + "/best";
  const std::string temporary = temporary_name(link);
  std::error_code failed;
  fs::remove(temporary, failed);
  fs::create_directory_symlink(step_name(step), temporary, failed);
  if (failed) throw_storage(link, failed);
  rename_durably(temporary, link);
}

void CheckpointStore::set_aside(int64_t step, const std::string& reason) const {
  std::string corrupt = step_folder(step) + ".corrupt";
  for (int number = 2; exists(corrupt); ++number) {
    corrupt = step_folder(step) + ".corrupt-" + std::to_string(number);
  }
  rename_durably(step_folder(step), corrupt);
  log_warning(reason + "\nthis checkpoint is set aside as " + corrupt);
}

}  // namespace mm
