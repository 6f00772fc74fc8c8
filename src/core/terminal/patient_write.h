// Writing to a terminal or pipe whose reader may have stopped reading: a pager, a terminal after Ctrl-S, a connection
// that hangs.
#pragma once

#include <cstdint>
#include <string_view>

namespace mm {

/// Waits a second for the reader, once: what it does not take in that time is dropped, and so is what follows, at once,
/// until it reads again. Not for two threads.
class PatientWriter {
 public:
  explicit PatientWriter(int descriptor) : descriptor_(descriptor) {}

  void write(std::string_view text);

  /// Lines that were dropped since the last call; to be told when the reader is back.
  int64_t take_dropped_lines();
  bool is_stalled() const { return stalled_; }

 private:
  bool wait_for_room(int milliseconds) const;

  int descriptor_;
  bool stalled_ = false;
  int64_t dropped_lines_ = 0;
};

}  // namespace mm
