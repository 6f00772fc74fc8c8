// Work that others should not wait for.
#pragma once

#include <sys/types.h>

namespace mm {

/// From now on a thread of this process (::gettid()) leaves the processors to others that want them, but for some
/// percent. There is no way back: only a privileged process may raise a priority.
void go_last(pid_t thread);

}  // namespace mm
