#include "dashboard/run_folders.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <filesystem>

#include "core/characters/utf8.h"
#include "core/text.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr std::array<const char*, 5> kFiles = {"metrics.jsonl", "train.log", "timing.jsonl", "config.json",
                                               "domains.json"};
constexpr int kDeepest = 4;

enum class FolderKind { kRun, kOther, kUnfit };

FolderKind kind_of(const fs::path& folder) {
  bool is_run = false, fits = true;
  for (const char* name : kFiles) {
    std::error_code failed;
    const fs::file_type type = fs::symlink_status(folder / name, failed).type();
    if (type == fs::file_type::not_found) continue;
    // A config or a report alone makes no run.
    is_run = is_run || name == kFiles[0] || name == kFiles[1];
    fits = fits && type == fs::file_type::regular;
  }
  if (!is_run) return FolderKind::kOther;
  return fits ? FolderKind::kRun : FolderKind::kUnfit;
}

bool can_be_shown(const std::string& name) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return is_utf8(name) && std::none_of(name.begin(), name.end(), is_control);
}

/// What is in a run is part of it, and no run.
void add_runs(const fs::path& folder, const std::string& name, int depth, RunFolders& found) {
  const FolderKind kind = kind_of(folder);
  if (kind != FolderKind::kOther) {
    if (kind == FolderKind::kRun && can_be_shown(name)) {
      found.runs.push_back({name, folder.string()});
    } else {
      ++found.left_out;
    }
    return;
  }
  if (depth == kDeepest) return;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code unknown;
    if (entry->symlink_status(unknown).type() != fs::file_type::directory) continue;
    const std::string last = entry->path().filename().string();
    add_runs(entry->path(), depth == 0 ? last : name + "/" + last, depth + 1, found);
  }
}

}  // namespace

RunFolders find_runs(const std::string& root) {
  RunFolders found;
  const fs::path path = fs::path(root + "/").lexically_normal().parent_path();
  add_runs(path, path.filename().empty() ? root : path.filename().string(), 0, found);
  std::sort(found.runs.begin(), found.runs.end(),
            [](const RunFolder& a, const RunFolder& b) { return a.name < b.name; });
  return found;
}

std::string state_of_files(const std::string& folder) {
  std::string state;
  for (const char* name : kFiles) {
    struct stat file {};
    if (::lstat((folder + "/" + name).c_str(), &file) != 0) file = {};
    state += format("%lld %lld %lld.%ld;", static_cast<long long>(file.st_ino), static_cast<long long>(file.st_size),
                    static_cast<long long>(file.st_mtim.tv_sec), file.st_mtim.tv_nsec);
  }
  return state;
}

}  // namespace mm
