// From a memory map.
#include "view/history/file_lines.h"

#include "core/files.h"

namespace mm {

void for_each_line(const std::string& path, const std::function<void(std::string_view line)>& take) {
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return;
  const MappedFile file(path, ExitCode::kData);
  std::string_view left(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
  for (size_t end = left.find('\n'); end != std::string_view::npos; end = left.find('\n')) {
    take(left.substr(0, end));
    left.remove_prefix(end + 1);
  }
}

}  // namespace mm
