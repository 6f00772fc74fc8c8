// Errors of LibTorch come with a backtrace, which says nothing to a user: only the first line is shown.
#include "app/guard.h"

#include <c10/util/Exception.h>
#include <fcntl.h>
#include <unistd.h>

#include <new>

#include "app/command_line.h"
#include "core/log.h"

namespace mm {
namespace {

int fail(ExitCode code, std::string_view message) {
  show_status("");
  log(LogLevel::kError, message);
  return static_cast<int>(code);
}

/// A caller may have closed them; the next file that is opened must not become one of them.
void open_standard_streams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) < 0) ::open("/dev/null", O_RDWR);
  }
}

}  // namespace

int guarded(const std::function<ExitCode()>& body) {
  constexpr std::string_view kRemedy = " (lower train.micro_batch and raise train.accumulation)";
  try {
    return static_cast<int>(body());
  } catch (const Error& error) {
    return fail(error.code(), error.what());
  } catch (const c10::OutOfMemoryError& error) {
    return fail(ExitCode::kMemory,
                std::string("out of GPU memory: ") + error.what_without_backtrace() + std::string(kRemedy));
  } catch (const std::bad_alloc&) {
    return fail(ExitCode::kMemory, "out of memory" + std::string(kRemedy));
  } catch (const c10::Error& error) {
    return fail(ExitCode::kInternal, std::string("LibTorch: ") + error.what_without_backtrace());
  } catch (const std::exception& error) {
    return fail(ExitCode::kInternal, error.what());
  }
}

int run_program(CommandLine& line, int argc, char** argv, const std::function<ExitCode()>& body) {
  open_standard_streams();
  if (const auto code = line.read(argc, argv)) return static_cast<int>(*code);
  return guarded(body);
}

}  // namespace mm
