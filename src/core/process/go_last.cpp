// Linux has a priority for each thread. Its policy for idle work would be kinder still to a step, but where other
// programs never leave a processor alone a run would wait for its text without end.
#include "core/process/go_last.h"

#include <sys/resource.h>

namespace mm {

void go_last(pid_t thread) {
  constexpr int kNiceness = 15;
  ::setpriority(PRIO_PROCESS, static_cast<id_t>(thread), kNiceness);
}

}  // namespace mm
