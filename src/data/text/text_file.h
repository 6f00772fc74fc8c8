// Text files record by record, memory-mapped.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/files/files.h"
#include "data/text/bad_line.h"
#include "data/text/document.h"
#include "data/text/reading.h"
#include "data/text/text_format.h"

namespace mm {

/// What a visit of a file came across. Blank lines count as nothing.
struct TextCounts {
  int64_t documents = 0;
  int64_t text_bytes = 0;
  int64_t empty_texts = 0;                 ///< records whose text is ""
  int64_t special_tokens = 0;              ///< names of control tokens in them
  BadLineCounts bad_lines = {};            ///< records without a text, passed over
  int64_t lone_surrogates = 0;             ///< in texts, read as U+FFFD
  std::vector<std::string> examples = {};  ///< the first bad lines, as messages name them

  TextCounts& operator+=(const TextCounts& other);
};

/// Records may be as long as they like: no buffer but the reader's, which grows with the longest one's text.
class TextFile {
 public:
  /// Throws Error(kData) when there is no such file, it cannot be read, or is no text (recognize_format) and
  /// holds none (unpacked).
  explicit TextFile(const std::string& path, const Reading& reading = {});

  /// It lives until the next call.
  using VisitText = std::function<void(const Document& document)>;

  /// What becomes of a text that is "".
  enum class EmptyTexts { kPassOver, kVisit };

  /// Calls `on_text` with each text of the records in [begin, end), byte offsets at starts of records.
  /// Other fields of a record are checked and ignored. May run in several threads at once.
  /// Throws Error(kData) naming `<file>:<line>` for a bad record, and how many there are, unless those are skipped.
  TextCounts visit(size_t begin, size_t end, const VisitText& on_text,
                   EmptyTexts empty_texts = EmptyTexts::kPassOver) const;
  TextCounts visit(const VisitText& on_text, EmptyTexts empty_texts = EmptyTexts::kPassOver) const {
    return visit(0, bytes().size(), on_text, empty_texts);
  }

  /// Cuts the file into parts of whole records, about `part_bytes` each: the ends of the parts, the last is the size.
  std::vector<size_t> cut(size_t part_bytes) const;

  /// The file that was named, which may be an archive.
  const std::string& path() const { return path_; }
  const Reading& reading() const { return reading_; }
  /// Of tokens, where it is a file of those: its texts are their bytes. 0: of text.
  size_t token_bytes() const { return format_->token_bytes(); }
  /// Of an archive: what it holds.
  std::span<const std::byte> bytes() const { return file_.bytes(); }

 private:
  template <class OnRecord>
  void for_records(size_t begin, size_t end, const OnRecord& on_record) const;
  std::string_view content() const;
  std::string describe(size_t record, const std::string& problem) const;
  int64_t look_for_special_tokens(RecordText& said) const;
  [[noreturn]] void fail(size_t record, const std::string& problem) const;

  std::string path_;
  MappedFile file_;
  Reading reading_;
  std::unique_ptr<const TextFormat> format_;
};

}  // namespace mm
