#include "data/text/files/text_paths.h"

#include <glob.h>

#include <algorithm>
#include <filesystem>
#include <string_view>

#include "core/error.h"
#include "core/files/files.h"
#include "core/hash.h"
#include "data/text/files/unpacked.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Files with one of these endings.
std::vector<std::string> files_ending_in(const std::string& folder, const std::vector<std::string_view>& endings,
                                         bool packed) {
  std::vector<std::string> files;
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string path = entry->path().string(), name = unpacked_name(path);
    const std::string ending = fs::path(name).extension().string();
    std::error_code ignored;
    if ((name != path) == packed && std::find(endings.begin(), endings.end(), ending) != endings.end() &&
        entry->is_regular_file(ignored)) {
      files.push_back(path);
    }
  }
  return files;
}

/// Those of the first kind that there is. Archives come last: many lie beside what they hold.
std::vector<std::string> files_in(const std::string& folder) {
  std::vector<std::string> files;
  for (const bool packed : {false, true}) {
    if (files.empty()) files = files_ending_in(folder, {".jsonl"}, packed);
    if (files.empty()) files = files_ending_in(folder, {".json", ".csv", ".tsv", ".txt"}, packed);
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
                got_want(pattern, "a pattern that matches no file", "one that does", kWhereTextComesFrom));
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

std::string place_beside(const std::string& text_path, const std::string& cache, const std::string& ending) {
  const fs::path text(text_path);
  std::error_code ignored;
  // In a common cache there may be files of one name from several folders.
  const std::string home = fs::weakly_canonical(text, ignored).parent_path().string();
  const std::string place = cache.empty() ? "" : "." + hex64(hash64(home)).substr(0, 8);
  const fs::path folder = cache.empty() ? text.parent_path() : fs::path(cache);
  return (folder / (text.filename().string() + place + ending)).string();
}

}  // namespace mm
