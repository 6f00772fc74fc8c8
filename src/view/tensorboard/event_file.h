// TensorBoard's event files: records with checksums, and a folder of them that a resumed run continues.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "metrics/append_file.h"

namespace mm {

/// `data` as one record: length, its masked CRC-32C, data, their masked CRC-32C
/// (tensorflow/core/lib/io/record_writer.h).
std::string framed_record(std::string_view data);

/// Takes one record off the front of `bytes` and returns its data. Nothing, and `bytes` as it was, when what is left is
/// empty, torn or broken.
std::optional<std::string_view> take_record(std::string_view& bytes);

class EventFile {
 public:
  /// Starts a new event file in `folder`, which it creates. Earlier files there are cut back to their whole records of
  /// steps up to `resume_step`, and the new file begins by telling TensorBoards that are watching to forget the same.
  /// Throws Error(kStorage).
  EventFile(const std::string& folder, int64_t resume_step);

  /// Throws Error(kStorage).
  void append(std::string_view event) { file_->append(framed_record(event)); }

 private:
  std::unique_ptr<AppendFile> file_;
};

}  // namespace mm
