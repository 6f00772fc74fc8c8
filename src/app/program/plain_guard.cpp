#include "app/program/plain_guard.h"

#include <fcntl.h>
#include <unistd.h>

#include <new>

#include "app/program/command_line.h"
#include "core/terminal/log.h"

namespace mm {
namespace {

int fail(ExitCode code, std::string_view message) {
  show_status("");
  if (!message.empty()) log(LogLevel::kError, message);
  return static_cast<int>(code);
}

/// A caller may have closed them; the next file that is opened must not become one of them.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int run_plain_program(CommandLine& line, int argc, char** argv, const std::function<ExitCode()>& body) {
  open_standard_streams();
  if (const auto code = line.read(argc, argv)) return static_cast<int>(*code);
  try {
    return static_cast<int>(body());
  } catch (const Error& error) {
    return fail(error.code(), error.what());
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kMemory, "out of memory");
  } catch (const std::exception& error) {
    return fail(ExitCode::kInternal, error.what());
  }
}

}  // namespace mm
