// Threads for the CPU kernels.
#pragma once

#include <cstdint>
#include <functional>

namespace mm::cpu {

/// Runs `body(begin, end)` over [0, count), cut into at most `ranges` even parts, one a thread. `body` must not throw.
/// The threads are LibTorch's own pool. at::parallel_for would be the place for this, but it is a template that is
/// serial in a file compiled without -fopenmp, and its header is shared, precompiled, by files that are.
void parallel_ranges(int64_t count, int64_t ranges, const std::function<void(int64_t, int64_t)>& body);

/// Runs `body(task)` for every task in [0, count) on the same threads, each as soon as one is free. What `body` throws
/// is thrown when all have ended.
void parallel_tasks(int64_t count, const std::function<void(int64_t)>& body);

}  // namespace mm::cpu
