// Folders with runs in them, as far as a dashboard looks.
#pragma once

#include <cstdint>
#include <string>

#include "core/files/files.h"
#include "core/text.h"

namespace mm {

inline std::string run_line(int64_t step) {
  return format(R"({"type":"step","step":%lld,"tokens":64,"tokens_total":%lld,"loss":%.3f})",
                static_cast<long long>(step), static_cast<long long>(64 * step), 2 + 5.0 / static_cast<double>(step)) +
         "\n";
}

/// A run of `steps` steps at `folder`.
inline void write_run(const std::string& folder, int64_t steps = 3) {
  std::string lines;
  for (int64_t step = 1; step <= steps; ++step) lines += run_line(step);
  write_file_atomic(folder + "/metrics.jsonl", lines);
  write_file_atomic(folder + "/train.log", "2026-01-01 12:00:00.000 info run       " + folder + "\n");
}

inline bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace mm
