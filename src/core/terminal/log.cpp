// The terminal by plain writes, so that the status can move out of the way; the log file by spdlog.
#include "core/terminal/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/terminal/patient_write.h"
#include "core/terminal/terminal.h"
#include "core/text.h"

namespace mm {
namespace {

struct Log {
  std::mutex mutex;
  LogLevel lowest = LogLevel::kInfo;
  std::vector<std::string> status;
  std::string activity;       ///< a row below the status
  std::vector<size_t> drawn;  ///< of the rows on the screen, the columns of each
  std::string unwritten;      ///< for standard output: what belongs into one write
  PatientWriter out = PatientWriter(STDOUT_FILENO), errors = PatientWriter(STDERR_FILENO);
  std::unique_ptr<spdlog::logger> file;
};

// All that a signal handler may look at.
volatile std::sig_atomic_t status_is_shown = 0;

// Never destroyed: destructors of other statics may still log.
Log& the_log() {
  static Log* log = new Log;
  return *log;
}

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarning:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

const char* prefix_of(LogLevel level) {
  if (level == LogLevel::kWarning) return "warning: ";
  if (level == LogLevel::kError) return "error: ";
  return "";
}

/// What belongs together at once; then a word on what the reader missed while it did not read.
void write_out(Log& log) {
  log.out.write(std::exchange(log.unwritten, {}));
  if (log.out.is_stalled()) return;
  if (const int64_t lines = log.out.take_dropped_lines(); lines > 0) {
    log.out.write(format("(%lld lines were dropped while nobody read them%s)\n", static_cast<long long>(lines),
                         log.file ? "; the log file has them" : ""));
  }
}

/// What takes the cursor to the first of the rows on the screen. They were as wide as drawn; in a terminal that has
/// become narrower since, each of them has been broken into several.
std::string to_first_row(const Log& log) {
  const size_t columns = terminal_size().columns;
  size_t above = 0;
  for (size_t i = 0; i + 1 < log.drawn.size(); ++i) {
    above += std::max<size_t>(1, (log.drawn[i] + columns - 1) / columns);
  }
  return above > 0 ? format("\r\x1b[%zuA", above) : "\r";
}

void erase_status(Log& log) {
  if (log.drawn.empty()) return;
  log.unwritten += to_first_row(log) + "\x1b[J";
  log.drawn.clear();
}

/// At once and over what is there, so that nothing flickers. The cursor waits at the start of the last row: the
/// "^C" that a terminal writes there cannot break it.
void draw_status(Log& log) {
  const TerminalSize size = terminal_size();
  std::string picture = log.drawn.empty() ? "" : to_first_row(log);
  log.drawn.clear();
  std::vector<std::string> rows = log.status;
  if (!log.activity.empty()) rows.push_back(log.activity);
  const size_t first = rows.size() - std::min(rows.size(), size.rows);
  for (size_t i = first; i < rows.size(); ++i) {
    // A character in the last column makes some terminals go on in the next row.
    const std::string row = cut_to_columns(rows[i], size.columns - 1);
    log.drawn.push_back(display_columns(row));
    if (i > first) picture += "\x1b[K\n";
    picture += row;
  }
  if (!log.drawn.empty()) picture += "\x1b[J\r";
  log.unwritten += picture;
  write_out(log);
  status_is_shown = log.drawn.empty() ? 0 : 1;
}

// Every line gets its own time stamp, so that the file can be searched line by line.
void write_to_file(spdlog::logger& file, LogLevel level, std::string_view message) {
  size_t start = 0;
  while (start <= message.size()) {
    const size_t end = std::min(message.find('\n', start), message.size());
    const std::string_view line = message.substr(start, end - start);
    file.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
    start = end + 1;
  }
}

}  // namespace

namespace {

/// The file gets `message`, the terminal what is `shown`.
void log_as(LogLevel level, std::string_view message, std::string_view shown) {
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  if (level < log.lowest) return;
  erase_status(log);
  const std::string line = prefix_of(level) + std::string(shown) + "\n";
  if (level >= LogLevel::kWarning) {
    write_out(log);
    log.errors.write(line);
  } else {
    log.unwritten += line;
  }
  draw_status(log);
  if (log.file) write_to_file(*log.file, level, message);
}

}  // namespace

void log(LogLevel level, std::string_view message) {
  log_as(level, message, message);
}

void log_fields(const std::vector<std::string>& fields) {
  const std::string message = join(fields, " | ");
  // Rows but the first are indented, and a character in the last column makes some terminals go on in the next row.
  const size_t columns = is_terminal() ? std::max<size_t>(terminal_size().columns, 4) - 3 : static_cast<size_t>(-1);
  log_as(LogLevel::kInfo, message, join(rows_of_parts(fields, columns), "\n  "));
}

void set_log_level(LogLevel level) {
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.lowest = level;
}

void show_status(std::string_view text) {
  if (!is_terminal()) return;
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.status.clear();
  if (text.empty() && log.activity.empty()) erase_status(log);
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    log.status.emplace_back(text.substr(start, end - start));
    start = end + 1;
  }
  draw_status(log);
}

void show_activity(std::string_view row) {
  if (!is_terminal()) return;
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.activity = row;
  if (row.empty() && log.status.empty()) erase_status(log);
  draw_status(log);
}

void leave_status() noexcept {
  if (status_is_shown == 0) return;
  [[maybe_unused]] const ssize_t written = ::write(STDOUT_FILENO, "\n", 1);
}

void open_log_file(const std::string& path) {
  std::unique_ptr<spdlog::logger> file;
  try {
    file = std::make_unique<spdlog::logger>("file", std::make_shared<spdlog::sinks::basic_file_sink_mt>(path));
  } catch (const spdlog::spdlog_ex& failed) {
    throw Error(ExitCode::kStorage, got_want(path, failed.what(), "a log file that can be written",
                                             "check the folder, its permissions and the space left"));
  }
  file->set_pattern("%Y-%m-%d %H:%M:%S.%e %l %v");
  file->set_level(spdlog::level::debug);
  file->flush_on(spdlog::level::debug);
  // A full disk must not end a run through its log.
  file->set_error_handler([path, told = false](const std::string& reason) mutable {
    if (!told) std::fprintf(stderr, "warning: %s cannot be written: %s\n", path.c_str(), reason.c_str());
    told = true;
  });
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.file = std::move(file);
}

}  // namespace mm
