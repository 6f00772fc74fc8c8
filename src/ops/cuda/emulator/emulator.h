// A GPU of one processor, for tests: runs the kernels of this folder where there is none.
//
// Blocks run one after another. The threads of a block are fibers: each runs alone until it waits for others, at a
// barrier or an instruction of its whole warp, or ends. The order is a choice: a kernel that lacks a barrier gives
// other results in another one. Shared memory begins as NaN and ends at a page that nobody may touch (GuardedBuffer).
// An asynchronous copy lands no sooner than its thread waits for it; until then there is NaN in its place. What a GPU
// would hang on or answer with an error, a barrier that some threads do not reach or an address that is not aligned, is
// thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "ops/cuda/kernels.h"

namespace mm::cuda {

/// While one lives, tensors of the CPU and of the meta device go where those of a GPU would go.
///   order  of the blocks, and of the threads of a block between two waits: 0 first to last, 1 last to first, any other
///          number the seed of a new shuffle every time
///   compute_capability  of the GPU: 90 is 9.0
class Emulation {
 public:
  explicit Emulation(uint64_t order = 0, int compute_capability = 90);
  ~Emulation();
  Emulation(const Emulation&) = delete;
  Emulation& operator=(const Emulation&) = delete;

  static bool on();
  static int compute_capability();
  // What this thread launched since it began, on tensors without memory as well.
  static int64_t launches();
  static int64_t bytes();  ///< of all tensors that the launches were given
  static void count_bytes(size_t bytes);
};

namespace emulator {

/// The stream of tensors without memory: what is launched on it does not run.
Stream nowhere();

struct Position {
  int thread, threads;
  int64_t block, blocks;
  int block_row;
};

/// Runs `kernel` once for every thread. Throws Error(kInternal) for what no GPU would finish.
void run(int64_t blocks, int block_rows, int threads, Stream stream, const std::function<void()>& kernel);

// For kernels, on behalf of the thread that runs:

const Position& here();
void barrier();
/// Up to 32 bytes for the other lanes. Waits until every lane of the warp has given as many.
void give_to_warp(const void* bytes, size_t size);
/// What a lane of the warp gave.
const void* given_by(int lane);
/// Begins a copy of `size` bytes, zeros from null, as part of the thread's group of copies that is open.
void copy_async(void* to, const void* from, size_t size);
void end_copies();  ///< closes the group
/// Until no more groups are under way than the last `later` ones.
void wait_for_copies(int later);
/// The memory of one MM_SHARED line, the same for all threads of a block.
void* shared(const void* site, size_t bytes);
void check_aligned(const void* pointer, size_t bytes);

}  // namespace emulator
}  // namespace mm::cuda
