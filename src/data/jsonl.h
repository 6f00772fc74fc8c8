// JSONL files with a "text" in each line, memory-mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files.h"

namespace mm {

/// What a visit of a file came across. Blank lines count as nothing.
struct JsonlCounts {
  int64_t documents = 0;
  int64_t text_bytes = 0;
  int64_t empty_texts = 0;  ///< lines whose text is ""

  JsonlCounts& operator+=(const JsonlCounts& other);
};

/// Lines are as long as they like: no buffer but the parser's, which grows with the longest line.
class JsonlFile {
 public:
  /// Throws Error(kData) when there is no such file or it cannot be read.
  explicit JsonlFile(const std::string& path);

  /// `text` is valid UTF-8 and lives until the next call.
  using VisitText = std::function<void(std::string_view text)>;

  /// What becomes of a text that is "".
  enum class EmptyTexts { kPassOver, kVisit };

  /// Calls `on_text` with each text of the lines in [begin, end), byte offsets at starts of lines.
  /// Other fields of a line are checked as JSON and ignored. May run in several threads at once.
  /// Throws Error(kData) naming `<file>:<line>` for bad JSON, invalid UTF-8, a missing text or one that is no string.
  JsonlCounts visit(size_t begin, size_t end, const VisitText& on_text,
                    EmptyTexts empty_texts = EmptyTexts::kPassOver) const;
  JsonlCounts visit(const VisitText& on_text, EmptyTexts empty_texts = EmptyTexts::kPassOver) const {
    return visit(0, bytes().size(), on_text, empty_texts);
  }

  /// Cuts the file into parts of whole lines, about `part_bytes` each: the ends of the parts, the last is the size.
  std::vector<size_t> cut(size_t part_bytes) const;

  const std::string& path() const { return file_.path(); }
  std::span<const std::byte> bytes() const { return file_.bytes(); }

 private:
  std::string_view content() const;

  MappedFile file_;
};

}  // namespace mm
