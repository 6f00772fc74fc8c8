// A file that grows by whole writes, for records that a crash must not tear.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace mm {

class AppendFile {
 public:
  /// Opens `path`, or creates it. Throws Error(kStorage).
  explicit AppendFile(std::string path);
  ~AppendFile();
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Keeps the first `bytes` bytes. Throws Error(kStorage).
  void cut_to(uint64_t bytes);

  /// What was written survives a power cut from here on. Throws Error(kStorage).
  void sync();

  /// Writes `bytes` with one call, so that a reader of the growing file sees whole records.
  /// Throws Error(kStorage) and takes what did not fit back off the file.
  void append(std::string_view bytes);

 private:
  std::string path_;
  int descriptor_ = -1;
};

}  // namespace mm
