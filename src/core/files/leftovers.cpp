// A lock tells, as it does for containers and for machines that share a folder, where process numbers mean nothing.
#include "core/files/leftovers.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

namespace mm {
namespace {

namespace fs = std::filesystem;

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// `<name>.tmp.<process>.<number>`: the name that it was to get, or nothing when this is no temporary name.
std::string_view final_name(std::string_view name) {
  constexpr std::string_view kInfix = ".tmp.";
  const size_t infix = name.rfind(kInfix);
  if (infix == std::string_view::npos) return {};
  const std::string_view numbers = name.substr(infix + kInfix.size());
  const size_t dot = numbers.find('.');
  if (dot == std::string_view::npos || !is_digits(numbers.substr(0, dot)) || !is_digits(numbers.substr(dot + 1))) {
    return {};
  }
  return name.substr(0, infix);
}

/// Removes it unless somebody holds it.
void remove_unheld(const std::string& path) {
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
  if (descriptor < 0) return;
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) ::unlink(path.c_str());
  ::close(descriptor);
}

/// Of all names, or of those that were to become `only`.
void remove_from(const std::string& folder, std::string_view only) {
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    const std::string name = entry->path().filename().string();
    const std::string_view wanted = final_name(name);
    if (!wanted.empty() && (only.empty() || wanted == only)) remove_unheld(entry->path().string());
  }
}

}  // namespace

bool claim_temporary(int descriptor) {
  // A file system without locks leaves nothing to claim; nobody can take the file for a leftover there either.
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) return errno != EWOULDBLOCK;
  struct stat status {};
  return ::fstat(descriptor, &status) != 0 || status.st_nlink > 0;
}

void remove_leftover_files(const std::string& folder) {
  remove_from(folder, {});
}

void remove_leftovers_of(const std::string& path) {
  const fs::path file(path);
  const std::string folder = file.parent_path().string();
  remove_from(folder.empty() ? "." : folder, file.filename().string());
}

bool is_process_gone(long process) {
  return process == ::getpid() || (::kill(static_cast<pid_t>(process), 0) != 0 && errno == ESRCH);
}

}  // namespace mm
