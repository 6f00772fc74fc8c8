// flock dies with its process, so a killed run never leaves a folder locked.
#include "core/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/error.h"

namespace mm {
namespace {

[[noreturn]] void fail(const std::string& path, int error_number) {
  throw Error(ExitCode::kStorage, got_want(path, '"' + std::generic_category().message(error_number) + '"',
                                           "a folder that can be written and locked",
                                           "check its permissions and file system, or set run.name"));
}

// The process id that the holder wrote; empty while it is between locking and writing.
std::string holder_of(int descriptor) {
  char digits[24];
  const ssize_t count = ::pread(descriptor, digits, sizeof digits, 0);
  const std::string_view text(digits, count > 0 ? static_cast<size_t>(count) : 0);
  return std::string(text.substr(0, text.find_first_not_of("0123456789")));
}

}  // namespace

RunLock::RunLock(const std::string& folder, const std::function<void(const std::string& holder)>& wait)
    : path_(folder + "/.lock") {
  const std::string& path = path_;
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) fail(folder, failed.value());
  descriptor_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path, errno);

  while (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    const int reason = errno;
    const std::string holder = holder_of(descriptor_);
    const std::string user = holder.empty() ? "another process" : "process " + holder;
    if (reason == EWOULDBLOCK && wait) {
      wait(user);
      continue;
    }
    ::close(descriptor_);
    if (reason != EWOULDBLOCK) fail(path, reason);
    throw Error(ExitCode::kConfig,
                got_want(folder, "a folder in use by " + user, "a free one", "wait for it, stop it, or set run.name"));
  }
  const std::string own = std::to_string(::getpid()) + "\n";
  const bool written = ::ftruncate(descriptor_, 0) == 0 &&
                       ::pwrite(descriptor_, own.data(), own.size(), 0) == static_cast<ssize_t>(own.size());
  if (!written) {
    const int reason = errno;
    ::close(descriptor_);
    fail(path, reason);
  }
}

void RunLock::require_held() const {
  struct stat held {
  }, named{};
  const bool same = ::fstat(descriptor_, &held) == 0 && ::stat(path_.c_str(), &named) == 0 &&
                    held.st_ino == named.st_ino && held.st_dev == named.st_dev;
  if (same) return;
  throw Error(ExitCode::kStorage,
              got_want(path_, "no longer the file that this run has locked", "the folder that the run began in",
                       "put it back if it was moved; what was saved there can be resumed"));
}

RunLock::~RunLock() {
  ::close(descriptor_);
}

}  // namespace mm
