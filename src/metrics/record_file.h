// A file of JSON records, one a line, in the order of their steps, that a resumed run continues without gaps or
// repeats.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "metrics/append_file.h"

namespace mm {

class RecordFile {
 public:
  /// Opens `path` for appending, after cutting off what lies behind `resume_step`: records of later steps, lines that
  /// are no record and a last line that a crash left without its newline. `resume_step` 0 is a run from nothing and
  /// cuts everything. Throws Error(kStorage).
  ///   key     of a record's step
  ///   undone  types of records that the run is going to write again for `resume_step`: they go as well
  RecordFile(const std::string& path, int64_t resume_step, std::string_view key = "step",
             const std::vector<std::string>& undone = {});

  /// How many lines the constructor cut off.
  int64_t cut_lines() const { return cut_lines_; }

  /// The step of the last record that it kept; 0: none.
  int64_t last_step() const { return last_step_; }

  /// The last record with these words in it; empty: there is none. Searches from the end of the file.
  std::string last_with(std::string_view words) const;

  /// Cuts off the records behind `step`. Throws Error(kStorage).
  void rewind(int64_t step);

  /// Writes `record` and a newline, both or nothing. Where that fails the record waits in memory, with a warning for
  /// the first, and is written before the next one; Error(kStorage) when 16 MiB wait.
  void append(std::string_view record);
  /// What was appended is written and survives a power cut from here on. Throws Error(kStorage) where it cannot be, and
  /// then it goes on waiting. May be called by another thread.
  void sync();

 private:
  void cut_back(int64_t step, const std::vector<std::string>& undone);
  void write_waiting();

  std::string path_, key_;
  AppendFile file_;
  std::mutex mutex_;     ///< of the next two
  std::string waiting_;  ///< lines that are not written yet
  bool said_ = false;    ///< that they wait
  int64_t cut_lines_ = 0;
  int64_t last_step_ = 0;
};

}  // namespace mm
