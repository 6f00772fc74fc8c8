// Errors of LibTorch come with a backtrace, which says nothing to a user: only the first line is shown.
#include "app/guard.h"

#include <c10/util/Exception.h>

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
  if (const auto code = line.read(argc, argv)) return static_cast<int>(*code);
  return guarded(body);
}

}  // namespace mm
