// What signals mean to a run. SIGTERM and Ctrl-C: save what there is, exit 75. A second one leaves at once. SIGUSR1:
// save now and go on.
#pragma once

namespace mm {

/// Thrown where work may be left half done, and caught where its rest can be taken up again.
struct StopRequested {};

/// From now on: SIGINT and SIGTERM end the process at once with kStopped, as nothing is worth saving yet; a second one
/// is kSecondInterrupt. A broken pipe, a closed terminal and a file size limit are errors of the write that meets them.
/// SIGUSR1 asks for a checkpoint. A mapped file that shrinks ends the process with kData and a line that names it.
void install_signal_handlers();

/// From now on the first SIGINT or SIGTERM asks the run to stop instead.
void defer_stop_signals();

/// Whether a signal has asked the run to stop. Who asks is alive (core/alive.h).
bool stop_requested();
/// The same for who looks on: no sign of life.
bool is_stop_pending();

/// Whether a signal has asked for a checkpoint since the last call.
bool take_save_request();

/// Throws StopRequested when one has.
void leave_if_stopping();
/// From now on that does nothing: other processes are at the same work, and all of them stop behind it.
void stop_only_between_steps();

}  // namespace mm
