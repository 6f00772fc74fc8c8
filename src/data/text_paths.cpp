#include "data/text_paths.h"

#include <glob.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/files.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Files with one of these endings; those of the first kind that there is.
std::vector<std::string> files_in(const std::string& folder) {
  static constexpr std::array<std::array<std::string_view, 4>, 2> kKinds = {
      {{".jsonl"}, {".json", ".csv", ".tsv", ".txt"}}};
  std::vector<std::string> files;
  for (const auto& endings : kKinds) {
    std::error_code failed;
    for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
      const std::string ending = entry->path().extension().string();
      const bool wanted = !ending.empty() && std::find(endings.begin(), endings.end(), ending) != endings.end();
      std::error_code ignored;
      if (wanted && entry->is_regular_file(ignored)) files.push_back(entry->path().string());
    }
    if (!files.empty()) break;
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    throw Error(ExitCode::kData,
                got_want(folder, "a folder without text files", "*.jsonl in it",
                         "files further below are named by a pattern such as " + folder + "/*/*.jsonl"));
  }
  return files;
}

std::vector<std::string> files_like(const std::string& pattern) {
  glob_t found = {};
  std::vector<std::string> files;
  if (::glob(pattern.c_str(), 0, nullptr, &found) == 0) {
    for (size_t i = 0; i < found.gl_pathc; ++i) {
      if (path_kind(found.gl_pathv[i], ExitCode::kData) == PathKind::kFile) files.emplace_back(found.gl_pathv[i]);
    }
  }
  ::globfree(&found);
  if (files.empty()) {
    throw Error(ExitCode::kData,
                got_want(pattern, "a pattern that matches no file", "one that does", "check the path"));
  }
  return files;
}

}  // namespace

std::vector<LabelledPath> text_files(const std::vector<LabelledPath>& paths) {
  std::vector<LabelledPath> files;
  for (const LabelledPath& named : paths) {
    const auto add = [&](const std::vector<std::string>& more) {
      for (const std::string& path : more) files.push_back({.path = path, .domain = named.domain});
    };
    const PathKind kind = path_kind(named.path, ExitCode::kData);
    if (kind == PathKind::kFolder) {
      add(files_in(named.path));
    } else if (kind == PathKind::kMissing && named.path.find_first_of("*?[") != std::string::npos) {
      add(files_like(named.path));
    } else {
      files.push_back(named);
    }
  }
  return files;
}

}  // namespace mm
