// Cutting back and appending.
#include "metrics/record_file.h"

#include <nlohmann/json.hpp>
#include <optional>

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

}  // namespace

RecordFile::RecordFile(const std::string& path, int64_t resume_step, std::string_view key) : file_(path) {
  const MappedFile file(path, ExitCode::kStorage);
  const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  const Cut cut = find_cut(text, resume_step, key);
  if (cut.lines > 0) file_.cut_to(cut.kept_bytes);
  cut_lines_ = cut.lines;
}

void RecordFile::append(std::string_view record) {
  std::string line(record);
  line += '\n';
  file_.append(line);
}

}  // namespace mm
