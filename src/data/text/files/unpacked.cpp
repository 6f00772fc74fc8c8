// What is unpacked is named by the size and a sample of its archive: checksums at the end of it are in the sample, so
// that another content has another name.
#include "data/text/files/unpacked.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "core/alive.h"
#include "core/error.h"
#include "core/files/files.h"
#include "core/files/leftovers.h"
#include "core/hash.h"
#include "core/process/run_lock.h"
#include "core/process/stop_signal.h"
#include "core/terminal/log.h"
#include "core/terminal/progress.h"
#include "core/text.h"
#include "data/text/files/archive_reader.h"
#include "data/text/files/text_paths.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

std::string_view head_of(const MappedFile& file) {
  constexpr size_t kHead = 4;
  const std::span<const std::byte> bytes = file.bytes();
  return {reinterpret_cast<const char*>(bytes.data()), std::min(bytes.size(), kHead)};
}

std::string key_of(std::span<const std::byte> archive) {
  Hasher hasher;
  const std::array<uint64_t, 1> size = {archive.size()};
  hasher.add(std::as_bytes(std::span(size)));
  hasher.add_sample(archive);
  return hex64(hasher.value());
}

[[noreturn]] void fail(const std::string& path, const std::string& problem) {
  throw Error(ExitCode::kData, got_want(path, problem, "a whole archive of text", "copy or download it again"));
}

void unpack(const MappedFile& archive, const std::string& to) {
  constexpr size_t kBlock = size_t{1} << 20;
  const std::unique_ptr<ArchiveReader> reader = recognize_archive(head_of(archive));
  std::span<const std::byte> left = archive.bytes();
  Progress progress("unpacking " + archive.path(), static_cast<double>(left.size()));
  std::vector<std::byte> block(kBlock);
  AtomicFile file(to);
  std::string problem;
  while (true) {
    leave_if_stopping();
    const size_t before = left.size();
    const size_t bytes = reader->read(left, block, problem);
    if (!problem.empty()) fail(archive.path(), problem);
    file.write(block.data(), bytes);
    progress.done(static_cast<double>(archive.bytes().size() - left.size()));
    if (left.empty() && reader->at_end()) break;
    if (bytes == 0 && left.size() == before) fail(archive.path(), "an archive that ends in the middle of its text");
  }
  file.commit();
}

/// Whatever the folder holds of an archive that was another one, or of a process that was killed.
void remove_others(const std::string& folder, const std::string& kept) {
  remove_leftover_files(folder);
  std::error_code failed;
  for (fs::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed)) {
    std::error_code ignored;
    if (entry->path().filename() != ".lock" && entry->path() != fs::path(kept)) fs::remove(entry->path(), ignored);
  }
}

}  // namespace

std::string unpacked_name(const std::string& path) {
  for (const std::string_view ending : {".gz", ".zst", ".zstd"}) {
    if (path.ends_with(ending)) return path.substr(0, path.size() - ending.size());
  }
  return path;
}

std::string unpacked(const std::string& path, const std::string& cache) {
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return path;
  const MappedFile archive(path, ExitCode::kData);
  if (!recognize_archive(head_of(archive))) return path;
  const std::string folder = place_beside(path, cache, ".unpacked");
  const std::string name = fs::path(unpacked_name(path)).filename().string();
  const std::string text = (fs::path(folder) / (key_of(archive.bytes()) + "." + name)).string();
  const auto is_there = [&] { return path_kind(text, ExitCode::kData) == PathKind::kFile; };
  if (is_there()) return text;
  try {
    bool told = false;
    const RunLock lock(folder, [&](const std::string& holder) {
      if (!std::exchange(told, true)) log_info("waiting for " + holder + ", which unpacks " + path);
      leave_if_stopping();
      still_going();
    });
    if (is_there()) return text;
    remove_others(folder, text);
    unpack(archive, text);
  } catch (const Error& error) {
    if (error.code() != ExitCode::kStorage) throw;
    throw Error(ExitCode::kStorage,
                std::string(error.what()) + "; data.cache names another folder for what " + path + " holds");
  }
  std::error_code ignored;
  const auto size = fs::file_size(text, ignored);
  log_info("unpacked  " + path + ": " + short_bytes(static_cast<double>(ignored ? 0 : size)) + " in " + folder);
  return text;
}

}  // namespace mm
