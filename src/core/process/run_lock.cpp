// flock dies with its process, so a killed run never leaves a folder locked.
#include "core/process/run_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>
#include <utility>

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

void RunLock::open(const std::string& folder) {
  path_ = folder + "/.lock";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) fail(folder, failed.value());
  descriptor_ = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) fail(path_, errno);
}

void RunLock::close_and_fail() {
  const int reason = errno;
  ::close(std::exchange(descriptor_, -1));
  fail(path_, reason);
}

bool RunLock::try_to_take(std::string& holder) {
  if (::flock(descriptor_, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) close_and_fail();
    const std::string process = holder_of(descriptor_);
    holder = process.empty() ? "another process" : "process " + process;
    return false;
  }
  const std::string own = std::to_string(::getpid()) + "\n";
  const bool written = ::ftruncate(descriptor_, 0) == 0 &&
                       ::pwrite(descriptor_, own.data(), own.size(), 0) == static_cast<ssize_t>(own.size());
  if (!written) close_and_fail();
  return true;
}

RunLock::RunLock(const std::string& folder, const std::function<void(const std::string& holder)>& wait) {
  open(folder);
  for (std::string holder; !try_to_take(holder);) {
    if (wait) {
      wait(holder);
      continue;
    }
    ::close(std::exchange(descriptor_, -1));
    throw Error(ExitCode::kConfig, got_want(folder, "a folder in use by " + holder, "a free one",
                                            "wait for it, stop it, or set run.name"));
  }
}

std::unique_ptr<RunLock> RunLock::if_free(const std::string& folder, std::string& holder) {
  std::unique_ptr<RunLock> lock(new RunLock);
  lock->open(folder);
  if (!lock->try_to_take(holder)) return nullptr;
  return lock;
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
  if (descriptor_ >= 0) ::close(descriptor_);
}

}  // namespace mm
