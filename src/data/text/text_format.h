// How a file is made of records that have a text each. A format is a class in text_format.cpp and a line in its table.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "data/text/bad_line.h"
#include "data/text/document.h"
#include "data/text/reading.h"

namespace mm {

/// What one record says.
struct RecordText {
  std::string_view text = {};            ///< valid UTF-8; lives until the next record is read
  bool blank = false;                    ///< no record at all, such as an empty line
  int64_t lone_surrogates = 0;           ///< read as U+FFFD
  std::string problem = {};              ///< what is wrong, in the words of a message; empty: nothing
  BadLine kind = {};                     ///< the kind of problem, where there is one
  std::span<const TextMark> marks = {};  ///< of a chat: where in the text they stand
};

/// Reads one record after the other. Holds the memory it works in: one for each thread.
class RecordReader {
 public:
  virtual ~RecordReader() = default;

  ///   readable_behind  bytes behind the record that may be read, too
  virtual RecordText read(std::string_view record, size_t readable_behind) = 0;
};

class TextFormat {
 public:
  virtual ~TextFormat() = default;

  /// Where the first record begins.
  virtual size_t first_record(std::string_view file) const = 0;
  /// One past the record that begins at `begin`, what separates it from the next one included.
  virtual size_t record_end(std::string_view file, size_t begin) const = 0;
  /// Whether a record may be looked for from anywhere: one ends at every line break.
  virtual bool is_by_line() const { return false; }
  /// Of tokens, where records are made of them: RecordText::text are their bytes. 0: of text.
  virtual size_t token_bytes() const { return 0; }
  virtual std::unique_ptr<RecordReader> reader() const = 0;
  /// What a good record looks like, for messages.
  virtual std::string wanted() const = 0;
};

/// By the ending of the name, and by what is in it: JSON Lines, a JSON array of objects, CSV with a header, plain text
/// (a document, or several with lines of `<|endoftext|>` between them), ready tokens (recognize_tokens). Throws
/// Error(kData) that says what the file is, and how to make text of it, when it is none of these.
std::unique_ptr<TextFormat> recognize_format(const std::string& path, std::string_view file, const Reading& reading);

}  // namespace mm
