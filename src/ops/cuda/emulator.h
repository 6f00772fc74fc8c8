// A GPU of one processor, for tests: runs the kernels of this folder where there is none.
//
// Blocks run one after another. The threads of a block are fibers: each runs alone until it waits for others, at a
// barrier or a shuffle, or ends. The order is a choice: a kernel that lacks a barrier gives other results in another
// one. Shared memory begins as NaN and ends at a page that nobody may touch (GuardedBuffer). What a GPU would hang
// on or answer with an error, a barrier that some threads do not reach or an address that is not aligned, is thrown.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "ops/cuda/kernels.h"

namespace mm::cuda {

/// While one lives, tensors of the CPU and of the meta device go where those of a GPU would go.
///   order  of the blocks, and of the threads of a block between two waits: 0 first to last, 1 last to first, any other
///          number the seed of a new shuffle every time
class Emulation {
 public:
  explicit Emulation(uint64_t order = 0);
  ~Emulation();
  Emulation(const Emulation&) = delete;
  Emulation& operator=(const Emulation&) = delete;

  static bool on();
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
float shuffle_xor(float x, int mask);
/// The memory of one MM_SHARED line, the same for all threads of a block.
void* shared(const void* site, size_t bytes);
void check_aligned(const void* pointer, size_t bytes);

}  // namespace emulator
}  // namespace mm::cuda
