// A flag is all that a signal handler may touch.
#include "core/stop_signal.h"

#include <unistd.h>

#include <csignal>

#include "core/error.h"
#include "core/log.h"

namespace mm {
namespace {

volatile std::sig_atomic_t requests = 0;

void on_stop(int) {
  requests = requests + 1;
  if (requests < 2) return;
  leave_status();
  _exit(static_cast<int>(ExitCode::kSecondInterrupt));
}

}  // namespace

void install_stop_handlers() {
  struct sigaction action = {};
  action.sa_handler = on_stop;
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
}

bool stop_requested() {
  return requests > 0;
}

}  // namespace mm
