// Preloaded into a program, it makes something go wrong at the n-th change of a file below a folder.
//
//   MM_FAULT_UNDER  a part of the paths that count
//   MM_FAULT_AT     the number of the change, from 1
//   MM_FAULT        kill: the process is gone before it; power-cut: and whatever was not synced; short: half of a write
//                   gets through; hang: the call does not return; stop: SIGTERM comes before it; ENOSPC, EIO, EINTR,
//                   EDQUOT: it fails
//   MM_FAULT_LOG    a file that gets a line for every change
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <string>

namespace {

constexpr int kGoOn = 0;
constexpr int kShort = -1;

struct Shim {
  std::string under = variable("MM_FAULT_UNDER"), fault = variable("MM_FAULT"), log = variable("MM_FAULT_LOG");
  long at = std::atol(variable("MM_FAULT_AT").c_str());
  long changes = 0;
  std::map<std::string, off_t> synced;  ///< of each file that was written to: how much of it a power cut leaves
  std::mutex mutex;

  static std::string variable(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
  }
};

Shim& shim() {
  static Shim* the_shim = new Shim;
  return *the_shim;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(::dlsym(RTLD_NEXT, name));
}

std::string path_of(int descriptor) {
  char buffer[4096];
  const ssize_t size = ::readlink(("/proc/self/fd/" + std::to_string(descriptor)).c_str(), buffer, sizeof buffer);
  return size < 0 ? "" : std::string(buffer, static_cast<size_t>(size));
}

std::string absolute(const char* path) {
  if (path[0] == '/') return path;
  char folder[4096];
  return ::getcwd(folder, sizeof folder) == nullptr ? path : std::string(folder) + "/" + path;
}

off_t size_of(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 ? status.st_size : 0;
}

void cut_power() {
  for (const auto& [path, size] : shim().synced) {
    if (size_of(path) > size) ::syscall(SYS_truncate, path.c_str(), size);
  }
}

int error_called(const std::string& name) {
  if (name == "ENOSPC") return ENOSPC;
  if (name == "EDQUOT") return EDQUOT;
  if (name == "EINTR") return EINTR;
  return EIO;
}

/// What becomes of this change: kGoOn, kShort, or the error that it fails with.
int judge(const char* what, const std::string& path) {
  Shim& own = shim();
  if (own.under.empty() || path.find(own.under) == std::string::npos) return kGoOn;
  const std::lock_guard lock(own.mutex);
  ++own.changes;
  if (!own.log.empty()) {
    const std::string line = std::to_string(own.changes) + " " + what + " " + path + "\n";
    const long log = ::syscall(SYS_openat, AT_FDCWD, own.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    ::syscall(SYS_write, log, line.data(), line.size());
    ::syscall(SYS_close, log);
  }
  if (own.changes != own.at) return kGoOn;
  if (own.fault == "power-cut") cut_power();
  if (own.fault == "kill" || own.fault == "power-cut") ::raise(SIGKILL);
  while (own.fault == "hang") ::pause();
  if (own.fault == "stop") {
    ::kill(::getpid(), SIGTERM);
    return kGoOn;
  }
  return own.fault == "short" ? kShort : error_called(own.fault);
}

/// Fails the call when that is its fate.
bool fails(const char* what, const std::string& path) {
  const int fate = judge(what, path);
  if (fate <= kGoOn) return false;
  errno = fate;
  return true;
}

void renamed(const std::string& from, const std::string& to) {
  Shim& own = shim();
  const std::lock_guard lock(own.mutex);
  std::map<std::string, off_t> moved;
  for (const auto& [path, size] : own.synced) {
    const bool is_it = path == from || path.starts_with(from + "/");
    moved[is_it ? to + path.substr(from.size()) : path] = size;
  }
  own.synced = std::move(moved);
}

}  // namespace

extern "C" {

ssize_t write(int descriptor, const void* bytes, size_t count) {
  static auto* const original = real<ssize_t(int, const void*, size_t)>("write");
  const std::string path = descriptor > STDERR_FILENO ? path_of(descriptor) : "";
  const int fate = judge("write", path);
  if (!shim().under.empty() && path.find(shim().under) != std::string::npos) {
    const std::lock_guard lock(shim().mutex);
    shim().synced.emplace(path, size_of(path));
  }
  if (fate > kGoOn) {
    errno = fate;
    return -1;
  }
  return original(descriptor, bytes, fate == kShort && count > 1 ? count / 2 : count);
}

int fsync(int descriptor) {
  static auto* const original = real<int(int)>("fsync");
  const std::string path = path_of(descriptor);
  if (fails("fsync", path)) return -1;
  const int result = original(descriptor);
  const std::lock_guard lock(shim().mutex);
  if (const auto found = shim().synced.find(path); found != shim().synced.end()) found->second = size_of(path);
  return result;
}

int ftruncate(int descriptor, off_t size) {
  static auto* const original = real<int(int, off_t)>("ftruncate");
  return fails("ftruncate", path_of(descriptor)) ? -1 : original(descriptor, size);
}

int open(const char* path, int flags, ...) {
  static auto* const original = real<int(const char*, int, ...)>("open");
  va_list rest;
  va_start(rest, flags);
  const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
  va_end(rest);
  if ((flags & O_ACCMODE) != O_RDONLY && fails("open", absolute(path))) return -1;
  return original(path, flags, mode);
}

int rename(const char* from, const char* to) {
  static auto* const original = real<int(const char*, const char*)>("rename");
  if (fails("rename", absolute(to))) return -1;
  const int result = original(from, to);
  if (result == 0) renamed(absolute(from), absolute(to));
  return result;
}

int mkdir(const char* path, mode_t mode) {
  static auto* const original = real<int(const char*, mode_t)>("mkdir");
  return fails("mkdir", absolute(path)) ? -1 : original(path, mode);
}

int symlink(const char* target, const char* path) {
  static auto* const original = real<int(const char*, const char*)>("symlink");
  return fails("symlink", absolute(path)) ? -1 : original(target, path);
}

int unlink(const char* path) {
  static auto* const original = real<int(const char*)>("unlink");
  return fails("unlink", absolute(path)) ? -1 : original(path);
}

int unlinkat(int folder, const char* path, int flags) {
  static auto* const original = real<int(int, const char*, int)>("unlinkat");
  const std::string whole = folder == AT_FDCWD || path[0] == '/' ? absolute(path) : path_of(folder) + "/" + path;
  return fails("unlinkat", whole) ? -1 : original(folder, path, flags);
}

int remove(const char* path) {
  static auto* const original = real<int(const char*)>("remove");
  return fails("remove", absolute(path)) ? -1 : original(path);
}

}  // extern "C"
