// SIGTERM and Ctrl-C: finish the step, save, exit 75. A second Ctrl-C leaves at once.
#pragma once

namespace mm {

/// Handles SIGINT and SIGTERM from now on; SIGPIPE and SIGHUP are ignored.
void install_stop_handlers();

/// Whether a signal has asked the run to stop.
bool stop_requested();

}  // namespace mm
