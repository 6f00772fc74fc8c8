// The second word of a thread's schedstat, in nanoseconds. A file that a thread has opened goes on telling of it.
#include "core/process/processor_wait.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdio>

namespace mm {

ProcessorWait::ProcessorWait() : descriptor_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}

ProcessorWait::~ProcessorWait() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

double ProcessorWait::seconds() const {
  char text[128];
  const ssize_t bytes = descriptor_ >= 0 ? ::pread(descriptor_, text, sizeof text - 1, 0) : 0;
  if (bytes <= 0) return 0;
  text[bytes] = '\0';
  unsigned long long running = 0, waiting = 0;
  return std::sscanf(text, "%llu %llu", &running, &waiting) == 2 ? 1e-9 * static_cast<double>(waiting) : 0;
}

}  // namespace mm
