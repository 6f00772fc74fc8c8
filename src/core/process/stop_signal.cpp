// A flag and a written line are all that a signal handler may touch.
#include "core/process/stop_signal.h"

#include <unistd.h>

#include <csignal>
#include <string_view>

#include "core/alive.h"
#include "core/error.h"
#include "core/files/mapped_names.h"
#include "core/terminal/log.h"

namespace mm {
namespace {

volatile std::sig_atomic_t requests = 0;
volatile std::sig_atomic_t deferred = 0;
volatile std::sig_atomic_t saves = 0;
bool work_is_shared = false;

void say(std::string_view line) {
  // Nothing can be done about a line that cannot be written.
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, line.data(), line.size());
}

void on_stop(int) {
  requests = requests + 1;
  if (deferred != 0 && requests < 2) return;
  leave_status();
  if (requests >= 2) _exit(static_cast<int>(ExitCode::kSecondInterrupt));
  say("stopped before the first step; the same command starts again\n");
  _exit(static_cast<int>(ExitCode::kStopped));
}

void on_save(int) {
  saves = 1;
}

void on_bus_error(int, siginfo_t* info, void*) {
  leave_status();
  const char* name = mapped_name(info->si_addr);
  say("error: ");
  say(name != nullptr ? name : "a file that was being read");
  say(": got nothing where data was, as it has become shorter or its disk fails, want a file that stays as it is (put "
      "it "
      "back; the same command resumes)\n");
  _exit(static_cast<int>(ExitCode::kData));
}

void handle(int signal, void (*handler)(int)) {
  struct sigaction action = {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigaction(signal, &action, nullptr);
}

void handle_bus_errors() {
  struct sigaction action = {};
  action.sa_sigaction = on_bus_error;
  action.sa_flags = SA_RESTART | SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

}  // namespace

void install_signal_handlers() {
  handle(SIGINT, on_stop);
  handle(SIGTERM, on_stop);
  handle(SIGUSR1, on_save);
  handle_bus_errors();
  for (const int signal : {SIGPIPE, SIGHUP, SIGXFSZ}) handle(signal, SIG_IGN);
}

void defer_stop_signals() {
  deferred = 1;
}

bool stop_requested() {
  still_going();
  return is_stop_pending();
}

bool is_stop_pending() {
  return requests > 0;
}

bool take_save_request() {
  const bool asked = saves != 0;
  saves = 0;
  return asked;
}

void leave_if_stopping() {
  if (stop_requested() && !work_is_shared) throw StopRequested();
}

void stop_only_between_steps() {
  work_is_shared = true;
}

}  // namespace mm
