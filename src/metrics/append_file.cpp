// One write call a record; what was written in part is taken back.
#include "metrics/append_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "core/error.h"

namespace mm {
namespace {

[[noreturn]] void throw_storage(const std::string& path, const char* want) {
  throw Error(ExitCode::kStorage, got_want(path, std::strerror(errno), want));
}

}  // namespace

AppendFile::AppendFile(std::string path) : path_(std::move(path)) {
  descriptor_ = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0666);
  if (descriptor_ < 0) throw_storage(path_, "a file that can be written");
}

AppendFile::~AppendFile() {
  ::close(descriptor_);
}

void AppendFile::cut_to(uint64_t bytes) {
  if (::ftruncate(descriptor_, static_cast<off_t>(bytes)) != 0) throw_storage(path_, "a file that can be cut back");
}

void AppendFile::sync() {
  if (::fsync(descriptor_) != 0) throw_storage(path_, "a file that can be synced");
}

void AppendFile::append(std::string_view bytes) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  ssize_t written = -1;
  do {
    written = ::write(descriptor_, bytes.data(), bytes.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(bytes.size())) return;
  // A short write to a regular file means that the disk is full.
  if (written >= 0) errno = ENOSPC;
  const int reason = errno;
  if (::ftruncate(descriptor_, before) == 0) errno = reason;
  throw_storage(path_, "room for one more record");
}

}  // namespace mm
