// A file of JSON records, one a line, in the order of their steps, that a resumed run continues without gaps or
// repeats.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mm {

class RecordFile {
 public:
  /// Opens `path` for appending, after cutting off what lies behind `resume_step`: records of later steps, lines that
  /// are no record and a last line that a crash left without its newline. `resume_step` 0 is a run from nothing and
  /// cuts everything. Throws Error(kStorage).
  ///   key  of a record's step
  RecordFile(const std::string& path, int64_t resume_step, std::string_view key = "step");
  ~RecordFile();
  RecordFile(const RecordFile&) = delete;
  RecordFile& operator=(const RecordFile&) = delete;

  /// How many lines the constructor cut off.
  int64_t cut_lines() const { return cut_lines_; }

  /// Writes `record` and a newline with one call, so that a reader of the growing file sees whole lines.
  /// Throws Error(kStorage) and takes a record that did not fit back off the file.
  void append(std::string_view record);

 private:
  std::string path_;
  int descriptor_ = -1;
  int64_t cut_lines_ = 0;
};

}  // namespace mm
