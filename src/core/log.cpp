// The terminal by plain writes, so that the status line can move out of the way; the log file by spdlog.
#include "core/log.h"

#include <spdlog/logger.h>
#include <spdlog/sinks/basic_file_sink.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>

#include "core/error.h"

namespace mm {
namespace {

struct Log {
  std::mutex mutex;
  LogLevel lowest = LogLevel::kInfo;
  std::string status;
  std::unique_ptr<spdlog::logger> file;
};

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

void print(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
}

// `line` cut to one row of the terminal: a wrapped line could not be redrawn in place.
std::string_view one_row(std::string_view line) {
  line = line.substr(0, line.find('\n'));
  winsize size{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col < 2) return line;
  size_t columns = size.ws_col - 1u;
  for (size_t i = 0; i < line.size(); ++i) {
    const bool starts_character = (static_cast<unsigned char>(line[i]) & 0xc0) != 0x80;
    if (starts_character && columns-- == 0) return line.substr(0, i);
  }
  return line;
}

void erase_status(const Log& log) {
  if (!log.status.empty()) print(stdout, "\r\x1b[2K");
}

void draw_status(const Log& log) {
  print(stdout, one_row(log.status));
  std::fflush(stdout);
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

void log(LogLevel level, std::string_view message) {
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  if (level < log.lowest) return;
  erase_status(log);
  std::FILE* stream = stdout;
  if (level >= LogLevel::kWarning) {
    std::fflush(stdout);
    stream = stderr;
  }
  print(stream, prefix_of(level));
  print(stream, message);
  print(stream, "\n");
  std::fflush(stream);
  draw_status(log);
  if (log.file) write_to_file(*log.file, level, message);
}

void set_log_level(LogLevel level) {
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  log.lowest = level;
}

void show_status(std::string_view line) {
  if (!is_terminal()) return;
  Log& log = the_log();
  const std::lock_guard<std::mutex> lock(log.mutex);
  erase_status(log);
  log.status = line;
  draw_status(log);
}

bool is_terminal() {
  const char* kind = std::getenv("TERM");
  const bool can_redraw = kind == nullptr || std::string_view(kind) != "dumb";
  return can_redraw && ::isatty(STDOUT_FILENO) == 1;
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
