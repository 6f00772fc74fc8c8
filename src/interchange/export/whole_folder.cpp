// A temporary beside a folder that is new, in one that is there: always on the file system where the files will lie.
#include "interchange/export/whole_folder.h"

#include <unistd.h>

#include <filesystem>
#include <set>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"

namespace mm {
namespace {

[[noreturn]] void refuse_target(const std::string& path, const std::string& got) {
  throw Error(ExitCode::kStorage, got_want(path, got, "a folder that can be written",
                                           "check its permissions and the space left, or choose another"));
}

void move_to(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code failed;
  std::filesystem::rename(from, to, failed);
  if (failed) refuse_target(to.string(), '"' + failed.message() + '"');
}

void move_if_there(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code unknown;
  if (std::filesystem::symlink_status(from, unknown).type() != std::filesystem::file_type::not_found) move_to(from, to);
}

}  // namespace

WholeFolder::WholeFolder(const std::string& path, std::string last) : last_(std::move(last)) {
  std::filesystem::path target = std::filesystem::path(path).lexically_normal();
  if (!target.has_filename() && target.has_parent_path()) target = target.parent_path();  // "folder/"
  target_ = target.string();
  const PathKind kind = path_kind(target_, ExitCode::kStorage);
  if (kind == PathKind::kFile || kind == PathKind::kOther) refuse_target(target_, "a file");
  new_ = kind == PathKind::kMissing;
  const std::string ending = ".tmp-" + std::to_string(::getpid());
  temporary_ = new_ ? target_ + ending : (target / ending).string();
  std::error_code failed;
  std::filesystem::create_directories(temporary_, failed);
  if (failed) refuse_target(temporary_, '"' + failed.message() + '"');
}

WholeFolder::~WholeFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(temporary_, ignored);
}

void WholeFolder::commit() {
  if (new_) {
    move_to(temporary_, target_);
    const std::filesystem::path around = std::filesystem::path(target_).parent_path();
    sync_folder(around.empty() ? "." : around.string());
    return;
  }
  std::vector<std::string> names = written_names();
  std::erase(names, last_);
  names.push_back(last_);
  const std::filesystem::path target(target_), replaced = std::filesystem::path(temporary_) / "replaced";
  std::error_code failed;
  std::filesystem::create_directory(replaced, failed);
  if (failed) refuse_target(replaced.string(), '"' + failed.message() + '"');
  std::set<std::string> moved;
  try {
    move_if_there(target / last_, replaced / last_);
    for (const std::string& name : names) {
      if (name == last_) sync_folder(target_);
      move_if_there(target / name, replaced / name);
      move_to(std::filesystem::path(temporary_) / name, target / name);
      moved.insert(name);
    }
    sync_folder(target_);
  } catch (const Error&) {
    for (const std::string& name : names) {
      std::error_code ignored;
      if (moved.contains(name)) std::filesystem::remove(target / name, ignored);
      std::filesystem::rename(replaced / name, target / name, ignored);
    }
    throw;
  }
}

std::vector<std::string> WholeFolder::written_names() const {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(temporary_, failed), end; !failed && entry != end;
       entry.increment(failed)) {
    names.push_back(entry->path().filename().string());
  }
  if (failed) refuse_target(temporary_, '"' + failed.message() + '"');
  return names;
}

}  // namespace mm
