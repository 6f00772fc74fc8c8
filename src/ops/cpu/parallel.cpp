// The one file that starts threads for the CPU kernels.
#include "ops/cpu/parallel.h"

#include <omp.h>

#include <algorithm>
#include <exception>

namespace mm::cpu {

void parallel_ranges(int64_t count, int64_t ranges, const std::function<void(int64_t, int64_t)>& body) {
  // Always the whole team: libgomp ends and restarts its threads when the size of the team changes.
#pragma omp parallel
  {
    const int64_t parts = std::min<int64_t>(omp_get_num_threads(), ranges);
    const int64_t part = omp_get_thread_num();
    if (part < parts) body(count * part / parts, count * (part + 1) / parts);
  }
}

void parallel_tasks(int64_t count, const std::function<void(int64_t)>& body) {
  std::exception_ptr failure;
#pragma omp parallel for schedule(dynamic, 1)
  for (int64_t task = 0; task < count; ++task) {
    try {
      body(task);
    } catch (...) {
#pragma omp critical
      failure = std::current_exception();
    }
  }
  if (failure) std::rethrow_exception(failure);
}

}  // namespace mm::cpu
