// What train.log tells of a run: when it trained, where, on what, and how it ended.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace mm {

/// Texts are as the log has them, and empty where it has none.
struct LogHistory {
  std::string began, last;  ///< the times of its first and last line, `2026-01-01 12:00:00`
  std::string ended;        ///< `finished`, `stopped` or `failed`; empty of a run that trains, or was cut off
  std::string program, model, data, weights;
  std::vector<std::string> devices;  ///< at each start
  std::vector<std::string> changes;  ///< of settings, at a resume
  std::vector<int64_t> resumes;      ///< the steps that the run was taken up at
};

/// Empty when there is no such file. Throws Error(kData) when it cannot be read.
LogHistory read_log_history(const std::string& path);

}  // namespace mm
