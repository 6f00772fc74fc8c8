// Framing, cutting back, and names that sort by time.
#include "view/tensorboard/event_file.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "core/error.h"
#include "core/files/files.h"
#include "core/text.h"
#include "metrics/wall_time.h"
#include "view/tensorboard/crc32c.h"
#include "view/tensorboard/event.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "events.out.tfevents.";
constexpr size_t kLengthBytes = 8, kCrcBytes = 4, kHeaderBytes = kLengthBytes + kCrcBytes;

template <class Number>
std::string_view bytes_of(const Number& number) {
  return {reinterpret_cast<const char*>(&number), sizeof number};
}

template <class Number>
Number number_at(std::string_view bytes, size_t offset) {
  Number number = 0;
  std::memcpy(&number, bytes.data() + offset, sizeof number);
  return number;
}

std::vector<std::string> event_files(const std::string& folder) {
  std::vector<std::string> paths;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    if (entry.path().filename().string().starts_with(kPrefix)) paths.push_back(entry.path().string());
  }
  return paths;
}

/// Records are in the order of their steps, so the first one that goes takes all behind it along.
void cut_back(const std::string& path, int64_t resume_step) {
  const MappedFile file(path, ExitCode::kStorage);
  const std::string_view all(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  std::string_view left = all;
  size_t kept_bytes = 0;
  while (const std::optional<std::string_view> event = take_record(left)) {
    if (event_step(*event) > resume_step) break;
    kept_bytes = all.size() - left.size();
  }
  if (kept_bytes < all.size()) AppendFile(path).cut_to(kept_bytes);
}

/// TensorBoard reads the files of a folder in the order of their names: the new one is the last, however fast a run is
/// resumed and wherever the clock went.
std::string new_path(const std::string& folder, const std::vector<std::string>& earlier) {
  auto seconds = static_cast<long long>(wall_time());
  for (const std::string& path : earlier) {
    const std::string name = fs::path(path).filename().string();
    seconds = std::max(seconds, std::atoll(name.c_str() + kPrefix.size()) + 1);
  }
  return folder + "/" + std::string(kPrefix) + format("%010lld.minimind", seconds);
}

}  // namespace

std::string framed_record(std::string_view data) {
  const uint64_t length = data.size();
  std::string record(bytes_of(length));
  record += bytes_of(masked_crc32c(bytes_of(length)));
  record += data;
  record += bytes_of(masked_crc32c(data));
  return record;
}

std::optional<std::string_view> take_record(std::string_view& bytes) {
  if (bytes.size() < kHeaderBytes + kCrcBytes) return std::nullopt;
  const auto length = number_at<uint64_t>(bytes, 0);
  if (number_at<uint32_t>(bytes, kLengthBytes) != masked_crc32c(bytes.substr(0, kLengthBytes))) return std::nullopt;
  if (length > bytes.size() - kHeaderBytes - kCrcBytes) return std::nullopt;
  const std::string_view data = bytes.substr(kHeaderBytes, length);
  if (number_at<uint32_t>(bytes, kHeaderBytes + length) != masked_crc32c(data)) return std::nullopt;
  bytes.remove_prefix(kHeaderBytes + length + kCrcBytes);
  return data;
}

EventFile::EventFile(const std::string& folder, int64_t resume_step) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) throw Error(ExitCode::kStorage, got_want(folder, failed.message(), "a folder to write to"));
  const std::vector<std::string> earlier = event_files(folder);
  for (const std::string& path : earlier) cut_back(path, resume_step);
  file_ = std::make_unique<AppendFile>(new_path(folder, earlier));
  append(version_event(wall_time()));
  append(start_event(wall_time(), resume_step + 1));
}

}  // namespace mm
