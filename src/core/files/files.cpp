// POSIX files: every call that can fail is checked, and every failure names the file and what can be done.
#include "core/files/files.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/files/leftovers.h"
#include "core/files/mapped_names.h"
#include "core/text.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::string quoted_reason(int error_number) {
  return '"' + std::generic_category().message(error_number) + '"';
}

std::string folder_of(const std::string& path) {
  const std::string folder = fs::path(path).parent_path().string();
  return folder.empty() ? "." : folder;
}

// Where the missing file could have been meant: a sibling with nearly the same name.
std::string remedy_for_missing(const std::string& path) {
  const fs::path folder = folder_of(path);
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) return "the folder " + folder.string() + " does not exist";
  std::vector<std::string> siblings;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    siblings.push_back(entry->path().filename().string());
  }
  std::sort(siblings.begin(), siblings.end());
  const fs::path file(path);
  const std::string nearest = nearest_name(file.filename().string(), siblings);
  if (nearest.empty()) return "check the path";
  return "did you mean " + (file.parent_path() / nearest).string() + "?";
}

[[noreturn]] void fail_reading(const std::string& path, int error_number, ExitCode code) {
  if (error_number == ENOENT) throw Error(code, got_want(path, "no such file", "a file", remedy_for_missing(path)));
  if (error_number == EISDIR) throw Error(code, got_want(path, "a folder", "a file", "name a file in it"));
  throw Unreadable(code, got_want(path, quoted_reason(error_number), "a readable file",
                                  error_number == EIO ? "check the disk" : "check the path and its permissions"));
}

[[noreturn]] void fail_writing(const std::string& path, int error_number) {
  const bool full = error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG;
  const char* remedy = full ? "free some space or choose another folder" : "check the folder and its permissions";
  throw Error(ExitCode::kStorage, got_want(path, quoted_reason(error_number), "a place that can be written", remedy));
}

// Closes on every way out of a function.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  /// Gives it away: whoever takes it closes it.
  int release() { return std::exchange(number_, -1); }

 private:
  int number_;
};

int open_retrying(const char* path, int flags, mode_t mode = 0) {
  int descriptor = -1;
  do descriptor = ::open(path, flags | O_CLOEXEC, mode);
  while (descriptor < 0 && errno == EINTR);
  return descriptor;
}

struct stat status_of(int descriptor, const std::string& path, ExitCode code) {
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) fail_reading(path, errno, code);
  if (S_ISDIR(status.st_mode)) fail_reading(path, EISDIR, code);
  return status;
}

/// Opens without waiting for a writer, as a named pipe would.
int open_for_reading(const std::string& path) {
  return open_retrying(path.c_str(), O_RDONLY | O_NONBLOCK);
}

/// A pipe, as of `<(jq ...)`, may have nothing yet; one that nobody writes to never will.
void wait_for_input(int descriptor, const std::string& path, ExitCode code) {
  constexpr int kPatience = 10000;  // milliseconds
  pollfd waiting = {.fd = descriptor, .events = POLLIN, .revents = 0};
  int ready = 0;
  do ready = ::poll(&waiting, 1, kPatience);
  while (ready < 0 && errno == EINTR);
  if (ready != 0) return;
  throw Error(code, got_want(path, "a pipe or device that nothing came from in ten seconds", "a file",
                             "check the path and who writes to it"));
}

}  // namespace

PathKind path_kind(const std::string& path, ExitCode code) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return PathKind::kMissing;
    throw Error(code, got_want(path, quoted_reason(errno), "a path that can be followed",
                               "check its links, its length and the permissions of the folders in it"));
  }
  if (S_ISREG(status.st_mode)) return PathKind::kFile;
  return S_ISDIR(status.st_mode) ? PathKind::kFolder : PathKind::kOther;
}

std::string read_file(const std::string& path, ExitCode code, size_t max_bytes) {
  const Descriptor file(open_for_reading(path));
  if (file.number() < 0) fail_reading(path, errno, code);
  const struct stat status = status_of(file.number(), path, code);
  const bool may_wait = !S_ISREG(status.st_mode);

  // The size is a hint only: pipes have none, and a file may grow while it is read.
  std::string bytes;
  bytes.resize(std::min(std::max<size_t>(static_cast<size_t>(status.st_size), 4096), max_bytes) + 1);
  size_t filled = 0;
  while (true) {
    if (filled == bytes.size()) bytes.resize(std::min(2 * bytes.size(), max_bytes + 1));
    if (may_wait) wait_for_input(file.number(), path, code);
    const ssize_t count = ::read(file.number(), bytes.data() + filled, bytes.size() - filled);
    if (count < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (count < 0) fail_reading(path, errno, code);
    if (count == 0) break;
    filled += static_cast<size_t>(count);
    if (filled > max_bytes) {
      const std::string limit = "at most " + short_bytes(static_cast<double>(max_bytes));
      throw Error(code, got_want(path, "a larger file", limit, "check that it is the file you meant"));
    }
  }
  bytes.resize(filled);
  return bytes;
}

void write_file_atomic(const std::string& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AtomicFile::AtomicFile(std::string path) : path_(std::move(path)) {
  std::error_code failed;
  fs::create_directories(folder_of(path_), failed);
  if (failed) fail_writing(path_, failed.value());
  remove_leftovers_of(path_);
  // The number tells apart files of one process; a name taken by a killed process with the same id is passed over.
  static std::atomic<unsigned> number{0};
  do {
    if (descriptor_ >= 0) ::close(descriptor_);
    temporary_path_ = format("%s.tmp.%d.%u", path_.c_str(), static_cast<int>(::getpid()), number++);
    descriptor_ = open_retrying(temporary_path_.c_str(), O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (descriptor_ < 0 && errno != EEXIST) fail_writing(path_, errno);
  } while (descriptor_ < 0 || !claim_temporary(descriptor_));
}

AtomicFile::~AtomicFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
  if (!temporary_path_.empty()) ::unlink(temporary_path_.c_str());
}

void AtomicFile::write(const void* bytes, size_t count) {
  require(descriptor_ >= 0, "AtomicFile::write after commit");
  const char* next = static_cast<const char*>(bytes);
  while (count > 0) {
    const ssize_t written = ::write(descriptor_, next, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_writing(path_, errno);
    next += written;
    count -= static_cast<size_t>(written);
  }
}

void AtomicFile::commit() {
  require(descriptor_ >= 0, "AtomicFile::commit after commit");
  if (::fsync(descriptor_) != 0) fail_writing(path_, errno);
  // Closed behind the rename: until then the file is claimed.
  if (::rename(temporary_path_.c_str(), path_.c_str()) != 0) fail_writing(path_, errno);
  temporary_path_.clear();
  ::close(std::exchange(descriptor_, -1));
  sync_folder(folder_of(path_));
}

void sync_folder(const std::string& folder) {
  const Descriptor opened(open_retrying(folder.c_str(), O_RDONLY | O_DIRECTORY));
  if (opened.number() < 0) fail_writing(folder, errno);
  // Some file systems cannot sync a folder and say so with EINVAL; their renames are as durable as they get.
  if (::fsync(opened.number()) != 0 && errno != EINVAL) fail_writing(folder, errno);
}

MappedFile::MappedFile(const std::string& path, ExitCode code) : path_(path) {
  Descriptor file(open_for_reading(path));
  if (file.number() < 0) fail_reading(path, errno, code);
  const struct stat status = status_of(file.number(), path, code);
  if (!S_ISREG(status.st_mode)) {
    throw Error(code, got_want(path, "a pipe or device", "a file", "write what comes out of it to a file first"));
  }
  if (status.st_size == 0) return;
  const auto size = static_cast<size_t>(status.st_size);
  void* mapped = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (mapped == MAP_FAILED) fail_reading(path, errno, code);
  data_ = mapped;
  size_ = size;
  descriptor_ = file.release();
  name_mapping(data_, size_, path_);
}

MappedFile::~MappedFile() {
  if (data_ != nullptr) {
    forget_mapping(data_);
    ::munmap(data_, size_);
  }
  if (descriptor_ >= 0) ::close(descriptor_);
}

bool MappedFile::read_into(const void* begin, size_t bytes, void* into) const {
  const auto map_begin = reinterpret_cast<uintptr_t>(data_), from = reinterpret_cast<uintptr_t>(begin);
  if (from < map_begin || from - map_begin > size_ || bytes > size_ - (from - map_begin)) return false;
  for (size_t done = 0; done < bytes;) {
    const auto offset = static_cast<off_t>(from - map_begin + done);
    const ssize_t count = ::pread(descriptor_, static_cast<char*>(into) + done, bytes - done, offset);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return false;
    done += static_cast<size_t>(count);
  }
  return true;
}

void MappedFile::release(const void* begin, size_t bytes) const {
  const auto page = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto map_begin = reinterpret_cast<uintptr_t>(data_);
  const auto map_end = map_begin + size_;
  const auto wanted = reinterpret_cast<uintptr_t>(begin);
  const uintptr_t from = (std::clamp(wanted, map_begin, map_end) + page - 1) / page * page;
  const uintptr_t to = std::clamp(wanted + std::min(bytes, UINTPTR_MAX - wanted), map_begin, map_end) / page * page;
  // A hint: where it cannot be followed, the pages stay.
  if (from < to) ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      descriptor_(std::exchange(other.descriptor_, -1)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace mm
