// Errors of LibTorch come with a backtrace, which says nothing to a user: only the first line is shown.
#include "app/program/guard.h"

#include <c10/util/Exception.h>

#include <new>

#include "app/program/plain_guard.h"

namespace mm {

int run_program(CommandLine& line, int argc, char** argv, const std::function<ExitCode()>& body) {
  constexpr const char* kRemedy = " (lower train.micro_batch and raise train.accumulation)";
  return run_plain_program(line, argc, argv, [&] {
    try {
      return body();
    } catch (const c10::OutOfMemoryError& error) {
      throw Error(ExitCode::kMemory, std::string("out of GPU memory: ") + error.what_without_backtrace() + kRemedy);
    } catch (const std::bad_alloc&) {
      throw Error(ExitCode::kMemory, std::string("out of memory") + kRemedy);
    } catch (const c10::Error& error) {
      throw Error(ExitCode::kInternal, std::string("LibTorch: ") + error.what_without_backtrace());
    }
  });
}

}  // namespace mm
