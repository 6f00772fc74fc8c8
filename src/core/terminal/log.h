// The log: to the terminal and, once a run has a folder, to its train.log. spdlog lives behind this header,
// because LibTorch's include folder carries another fmt than Debian's spdlog was built with.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace mm {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

/// Writes one message (several lines are allowed): information to standard output, warnings and errors to standard
/// error ("warning: ", "error: " in front), and all of it with a time stamp to the log file when one is open. A reader
/// that stops reading costs a second once, and then misses lines.
void log(LogLevel level, std::string_view message);
inline void log_info(std::string_view message) {
  log(LogLevel::kInfo, message);
}
inline void log_warning(std::string_view message) {
  log(LogLevel::kWarning, message);
}

/// One message of fields with bars between them: a line of the log file, and on a terminal that is too narrow for it
/// several rows, broken between fields.
void log_fields(const std::vector<std::string>& fields);

/// Messages below `level` are dropped (default: kInfo).
void set_log_level(LogLevel level);

/// Keeps the lines of `text` as the last rows of the terminal, redrawn in place and moved down by messages; an empty
/// text removes them. Rows are cut to the terminal's width and may hold colour sequences (`\x1b[...m`); of more rows
/// than the terminal has, the last ones are shown. Does nothing when standard output is not a terminal. Never goes to
/// the log file.
void show_status(std::string_view text);

/// Keeps one row more below the status, in the same way; an empty text removes it.
void show_activity(std::string_view row);

/// For a signal handler that is about to end the process: leaves the cursor below the status.
void leave_status() noexcept;

/// Appends all later messages to `path` as well. Throws Error(kStorage) when it cannot be opened.
void open_log_file(const std::string& path);

}  // namespace mm
