// Read, not looked at in its map: a run that is taken up again cuts its files back, and what has been cut off a map
// ends the process that looks there.
#include "view/history/file_lines.h"

#include <algorithm>

#include "core/files/files.h"

namespace mm {

void for_each_line(const std::string& path, const std::function<void(std::string_view line)>& take) {
  if (path_kind(path, ExitCode::kData) != PathKind::kFile) return;
  constexpr size_t kBlock = size_t{1} << 20;
  const MappedFile file(path, ExitCode::kData);
  const size_t size = file.bytes().size();
  std::string bytes;  // from the start of a line on
  for (size_t at = 0; at < size;) {
    const size_t count = std::min(kBlock, size - at), searched = bytes.size();
    bytes.resize(searched + count);
    if (!file.read_into(file.bytes().data() + at, count, bytes.data() + searched)) return;
    at += count;
    size_t begin = 0;
    for (size_t end = bytes.find('\n', searched); end != std::string::npos; end = bytes.find('\n', begin)) {
      take(std::string_view(bytes).substr(begin, end - begin));
      begin = end + 1;
    }
    bytes.erase(0, begin);
  }
}

}  // namespace mm
