// Cutting back and appending.
#include "metrics/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <optional>

#include "core/error.h"
#include "core/files.h"

namespace mm {
namespace {

std::optional<int64_t> step_of(std::string_view line, std::string_view key) {
  const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return std::nullopt;
  const auto step = record.find(key);
  if (step == record.end() || !step->is_number_integer()) return std::nullopt;
  return step->get<int64_t>();
}

struct Cut {
  size_t kept_bytes = 0;
  int64_t lines = 0;
};

/// Walks back from the end: however long the file is, only what goes and one line more is read.
Cut find_cut(std::string_view text, int64_t resume_step, std::string_view key) {
  Cut cut{text.size(), 0};
  while (cut.kept_bytes > 0) {
    const std::string_view kept = text.substr(0, cut.kept_bytes);
    const bool whole = kept.back() == '\n';
    const size_t newline = kept.substr(0, kept.size() - whole).rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (whole && resume_step > 0) {
      const std::optional<int64_t> step = step_of(kept.substr(start), key);
      if (step && *step <= resume_step) break;
    }
    cut.kept_bytes = start;
    ++cut.lines;
  }
  return cut;
}

[[noreturn]] void throw_storage(const std::string& path, const char* want) {
  throw Error(ExitCode::kStorage, got_want(path, std::strerror(errno), want));
}

}  // namespace

RecordFile::RecordFile(const std::string& path, int64_t resume_step, std::string_view key) : path_(path) {
  descriptor_ = ::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor_ < 0) throw_storage(path_, "a file that can be written");
  try {
    const MappedFile file(path, ExitCode::kStorage);
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    const Cut cut = find_cut(text, resume_step, key);
    if (cut.lines > 0 && ::ftruncate(descriptor_, static_cast<off_t>(cut.kept_bytes)) != 0) {
      throw_storage(path_, "a file that can be cut back");
    }
    cut_lines_ = cut.lines;
  } catch (...) {
    ::close(descriptor_);
    throw;
  }
}

RecordFile::~RecordFile() {
  ::close(descriptor_);
}

void RecordFile::append(std::string_view record) {
  std::string line(record);
  line += '\n';
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  ssize_t written = -1;
  do {
    written = ::write(descriptor_, line.data(), line.size());
  } while (written < 0 && errno == EINTR);
  if (written == static_cast<ssize_t>(line.size())) return;
  // A short write to a regular file means that the disk is full.
  if (written >= 0) errno = ENOSPC;
  const int reason = errno;
  if (::ftruncate(descriptor_, before) == 0) errno = reason;
  throw_storage(path_, "room for one more record");
}

}  // namespace mm
