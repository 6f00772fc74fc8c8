// Cutting back and appending.
#include "metrics/record_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/error.h"
#include "core/files/files.h"
#include "core/terminal/log.h"

namespace mm {
namespace {

/// Of a run that loses its disk for hours.
constexpr size_t kMostWaiting = size_t{16} << 20;

struct Place {
  int64_t step = 0;
  std::string type;
};

/// Nothing for a line that is no record.
std::optional<Place> place_of(std::string_view line, std::string_view key) {
  const auto record = nlohmann::json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!record.is_object()) return std::nullopt;
  const auto step = record.find(key), type = record.find("type");
  if (step == record.end() || !step->is_number_integer()) return std::nullopt;
  return Place{step->get<int64_t>(), type != record.end() && type->is_string() ? type->get<std::string>() : ""};
}

struct Cut {
  size_t kept_bytes = 0;
  int64_t lines = 0;
  int64_t last_step = 0;  ///< that stays
};

/// Walks back from the end: however long the file is, only what goes and one line more is read.
Cut find_cut(std::string_view text, int64_t resume_step, std::string_view key, const std::vector<std::string>& undone) {
  const auto stays = [&](const Place& place) {
    if (place.step != resume_step) return place.step < resume_step;
    return std::find(undone.begin(), undone.end(), place.type) == undone.end();
  };
  Cut cut{.kept_bytes = text.size()};
  while (cut.kept_bytes > 0) {
    const std::string_view kept = text.substr(0, cut.kept_bytes);
    const bool whole = kept.back() == '\n';
    const size_t newline = kept.substr(0, kept.size() - whole).rfind('\n');
    const size_t start = newline == std::string_view::npos ? 0 : newline + 1;
    if (whole && resume_step > 0) {
      const std::optional<Place> place = place_of(kept.substr(start), key);
      if (place && stays(*place)) {
        cut.last_step = place->step;
        break;
      }
    }
    cut.kept_bytes = start;
    ++cut.lines;
  }
  return cut;
}

}  // namespace

RecordFile::RecordFile(const std::string& path, int64_t resume_step, std::string_view key,
                       const std::vector<std::string>& undone)
    : path_(path), key_(key), file_(path) {
  cut_back(resume_step, undone);
}

void RecordFile::cut_back(int64_t step, const std::vector<std::string>& undone) {
  const MappedFile file(path_, ExitCode::kStorage);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const Cut cut = find_cut(text, step, key_, undone);
  if (cut.lines > 0) file_.cut_to(cut.kept_bytes);
  cut_lines_ = cut.lines;
  last_step_ = cut.last_step;
}

std::string RecordFile::last_with(std::string_view words) const {
  const MappedFile file(path_, ExitCode::kStorage);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const size_t found = text.rfind(words);
  if (found == std::string_view::npos) return "";
  const size_t newline = text.rfind('\n', found), begin = newline == std::string_view::npos ? 0 : newline + 1;
  return std::string(text.substr(begin, text.find('\n', found) - begin));
}

void RecordFile::rewind(int64_t step) {
  sync();
  cut_back(step, {});
}

void RecordFile::append(std::string_view record) {
  const std::lock_guard lock(mutex_);
  waiting_.append(record) += '\n';
  try {
    write_waiting();
  } catch (const Error& error) {
    if (waiting_.size() > kMostWaiting) throw;
    if (!std::exchange(said_, true)) {
      log_warning(std::string(error.what()) + "\nthe run goes on, and its records wait in memory");
    }
  }
}

void RecordFile::sync() {
  {
    const std::lock_guard lock(mutex_);
    write_waiting();
  }
  file_.sync();
}

void RecordFile::write_waiting() {
  if (waiting_.empty()) return;
  file_.append(waiting_);
  waiting_.clear();
  if (std::exchange(said_, false)) log_info(path_ + ": the records that had to wait are written");
}

}  // namespace mm
