// The language of the kernels: all that they need of a GPU. nvcc makes CUDA of it; for any other compiler the same
// source runs on the CPU (emulator/emulator.h), where a test can see what each thread does.
//
// A kernel is a function `MM_KERNEL name(...)` on pointers and numbers. Threads of a block are in warps of 32; what one
// thread leaves for another in MM_SHARED memory may be read behind the next barrier().
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>

#include "ops/cuda/kernels.h"

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_runtime.h>

#include "core/error.h"
#define MM_KERNEL __global__ void
#define MM_DEVICE __device__ inline
#define MM_UNROLL _Pragma("unroll")
#define MM_SHARED(type, name, count) __shared__ type name[count]
#else
#include "ops/cuda/emulator/emulator.h"
#include "ops/cuda/emulator/narrow_floats.h"
#define MM_KERNEL void
#define MM_DEVICE inline
#define MM_UNROLL
#define MM_SHARED(type, name, count)                                  \
  type* const name = static_cast<type*>(::mm::cuda::emulator::shared( \
      [] {                                                            \
        static const char site = 0;                                   \
        return static_cast<const void*>(&site);                       \
      }(),                                                            \
      (count) * sizeof(type)))
#endif

namespace mm::cuda {

constexpr int kWarp = 32;
constexpr int kMostThreads = 1024;  // of a block

/// How many threads a kernel has.
struct Grid {
  int64_t blocks;
  int threads;   ///< of each block: whole warps
  int rows = 1;  ///< of blocks
};

#ifdef __CUDACC__

using Half = __half;
using BFloat16 = __nv_bfloat16;

MM_DEVICE int thread() {
  return static_cast<int>(threadIdx.x);
}
MM_DEVICE int threads() {
  return static_cast<int>(blockDim.x);
}
MM_DEVICE int64_t block() {
  return blockIdx.x;
}
MM_DEVICE int64_t blocks() {
  return gridDim.x;
}
MM_DEVICE int block_row() {
  return static_cast<int>(blockIdx.y);
}
MM_DEVICE void barrier() {
  __syncthreads();
}
MM_DEVICE int lane() {
  return thread() % kWarp;
}
/// What one lane leaves for another of its warp in shared memory may be read behind it. All lanes must call it.
MM_DEVICE void warp_barrier() {
  __syncwarp();
}
/// `x`, of 4 bytes, of the lane whose index differs in the bits of `mask`. All lanes of the warp must call it.
template <class T>
MM_DEVICE T shuffle_xor(T x, int mask) {
  return __shfl_xor_sync(0xffffffffu, x, mask);
}
MM_DEVICE void check_aligned(const void*, size_t) {}
/// 16 bytes of global memory in one instruction: left to itself the compiler may make four, or eight, of it.
MM_DEVICE void write_16(void* to, const uint4& words) {
  asm volatile("st.global.v4.b32 [%0], {%1, %2, %3, %4};" ::"l"(__cvta_generic_to_global(to)), "r"(words.x),
               "r"(words.y), "r"(words.z), "r"(words.w)
               : "memory");
}
template <class Pack>
MM_DEVICE void write_pack(Pack* to, const Pack& pack) {
  if constexpr (sizeof(Pack) % sizeof(uint4) == 0) {
    uint4 parts[sizeof(Pack) / sizeof(uint4)];
    memcpy(parts, &pack, sizeof(Pack));
    MM_UNROLL
    for (size_t i = 0; i < sizeof(Pack) / sizeof(uint4); ++i) write_16(reinterpret_cast<uint4*>(to) + i, parts[i]);
  } else {
    *to = pack;
  }
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Grid& grid, Stream stream, Arguments... arguments) {
  if (grid.blocks == 0) return;
  const dim3 blocks(static_cast<unsigned>(grid.blocks), static_cast<unsigned>(grid.rows));
  kernel<<<blocks, grid.threads, 0, static_cast<cudaStream_t>(stream)>>>(arguments...);
  if (const cudaError_t error = cudaGetLastError(); error != cudaSuccess) {
    throw Error(ExitCode::kDevice, got_want("CUDA kernel", cudaGetErrorString(error), "a launch",
                                            "it was built for GPUs of compute capability 8.0 and newer"));
  }
}

#else

inline int thread() {
  return emulator::here().thread;
}
inline int threads() {
  return emulator::here().threads;
}
inline int64_t block() {
  return emulator::here().block;
}
inline int64_t blocks() {
  return emulator::here().blocks;
}
inline int block_row() {
  return emulator::here().block_row;
}
inline void barrier() {
  emulator::barrier();
}
inline int lane() {
  return thread() % kWarp;
}
inline void warp_barrier() {
  emulator::give_to_warp(nullptr, 0);
}
template <class T>
T shuffle_xor(T x, int mask) {
  static_assert(sizeof(T) == 4);
  emulator::give_to_warp(&x, sizeof(T));
  T other;
  std::memcpy(&other, emulator::given_by(lane() ^ mask), sizeof(T));
  return other;
}
inline void check_aligned(const void* pointer, size_t bytes) {
  emulator::check_aligned(pointer, bytes);
}
template <class Pack>
void write_pack(Pack* to, const Pack& pack) {
  *to = pack;
}

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const Grid& grid, Stream stream, Arguments... arguments) {
  emulator::run(grid.blocks, grid.rows, grid.threads, stream, [&] { kernel(arguments...); });
}

#endif

// --- Numbers in memory -----------------------------------------------------------------------------------------------

/// Elements that a thread takes at a time where it can: 16 bytes of 16-bit numbers.
constexpr int kWide = 8;

/// Numbers of one thread, in registers: arithmetic is fp32 for all types.
template <int N>
struct Values {
  float values[N] = {};
  MM_DEVICE float& operator[](int i) { return values[i]; }
  MM_DEVICE float operator[](int i) const { return values[i]; }
};

/// N neighbours in memory: up to 16 bytes travel in one instruction, from an address that is a multiple of them.
template <int N, class T>
struct alignas(N * sizeof(T) < 16 ? N * sizeof(T) : 16) Pack {
  T values[N];
};

template <int N, class T>
MM_DEVICE Values<N> load(const T* from) {
  check_aligned(from, alignof(Pack<N, T>));
  const Pack<N, T> pack = *reinterpret_cast<const Pack<N, T>*>(from);
  Values<N> x;
  MM_UNROLL
  for (int i = 0; i < N; ++i) x[i] = static_cast<float>(pack.values[i]);
  return x;
}

template <class T, int N>
MM_DEVICE void store(T* to, const Values<N>& x) {
  check_aligned(to, alignof(Pack<N, T>));
  Pack<N, T> pack;
  MM_UNROLL
  for (int i = 0; i < N; ++i) pack.values[i] = static_cast<T>(x[i]);
  write_pack(reinterpret_cast<Pack<N, T>*>(to), pack);
}

/// What is left of `x` when it was stored as a T.
template <class T>
MM_DEVICE float rounded(float x) {
  return static_cast<float>(static_cast<T>(x));
}

// --- Functions -------------------------------------------------------------------------------------------------------

MM_DEVICE float sigmoid(float x) {
  return 1.0f / (1.0f + expf(-x));
}

/// e^(x - peak), where -inf counts as nothing even while nothing larger was seen.
MM_DEVICE float share(float x, float peak) {
  return x == -INFINITY ? 0.0f : expf(x - peak);
}

// --- Sums over threads -----------------------------------------------------------------------------------------------

struct Sum {
  MM_DEVICE float operator()(float a, float b) const { return a + b; }
};
struct Max {
  MM_DEVICE float operator()(float a, float b) const { return fmaxf(a, b); }
};

/// `op` over groups of `lanes` neighbouring lanes, a power of two; every lane gets the same bytes. The whole warp calls
/// it.
template <class Op, int N>
MM_DEVICE Values<N> reduce_lanes(Op op, Values<N> x, int lanes = kWarp) {
  for (int mask = lanes / 2; mask > 0; mask /= 2) {
    MM_UNROLL
    for (int i = 0; i < N; ++i) x[i] = op(x[i], shuffle_xor(x[i], mask));
  }
  return x;
}

/// `op` over all threads of a block, every one of which must call it and gets the same bytes.
template <class Op, int N>
MM_DEVICE Values<N> reduce_block(Op op, Values<N> x) {
  MM_SHARED(float, of_warps, N* kMostThreads / kWarp);
  x = reduce_lanes(op, x);
  barrier();  // of_warps may still be read from the time before
  if (lane() == 0) {
    MM_UNROLL
    for (int i = 0; i < N; ++i) of_warps[thread() / kWarp * N + i] = x[i];
  }
  barrier();
  MM_UNROLL
  for (int i = 0; i < N; ++i) {
    x[i] = of_warps[i];
    for (int warp = 1; warp < threads() / kWarp; ++warp) x[i] = op(x[i], of_warps[warp * N + i]);
  }
  return x;
}

/// What a thread works on where row_blocks() share the rows.
struct RowPlace {
  int64_t row, column;
};
template <int N>
MM_DEVICE RowPlace row_place(int64_t chunks) {
  const auto place = static_cast<uint32_t>(block()), of_row = static_cast<uint32_t>(chunks);
  const uint32_t row = place / of_row, chunk = place - row * of_row;
  return {row, (static_cast<int64_t>(chunk) * threads() + thread()) * N};
}

// --- On the host -----------------------------------------------------------------------------------------------------

/// Calls `body` with a T() of the element type.
template <class Body>
void with_type(ElementType type, const Body& body) {
  switch (type) {
    case ElementType::kFloat:
      return body(float());
    case ElementType::kHalf:
      return body(Half());
    case ElementType::kBFloat16:
      return body(BFloat16());
  }
}

/// A compile-time number of elements at a time.
template <int N>
struct Width {
  static constexpr int kElements = N;
};

/// Whether rows of `width` elements at these addresses can be taken kWide at a time. Null is no address.
template <class... Pointers>
bool is_wide(int64_t width, const Pointers*... rows) {
  return width % kWide == 0 && (... && (reinterpret_cast<uintptr_t>(rows) % 16 == 0));
}

/// Calls `body` with Width<kWide> or Width<1>.
template <class Body>
void with_width(bool wide, const Body& body) {
  if (wide) return body(Width<kWide>());
  body(Width<1>());
}

/// How blocks share rows: each has a part of one, so that a thread divides no index of an element, and warps are full.
struct RowBlocks {
  int64_t chunks;  ///< blocks of a row
  int threads;
};

inline int whole_warps(int64_t threads) {
  return static_cast<int>((threads + kWarp - 1) / kWarp * kWarp);
}

/// For rows of `items` packs.
inline RowBlocks row_blocks(int64_t items) {
  constexpr int64_t most_threads = 256;
  const int64_t chunks = items < most_threads ? 1 : (items + most_threads - 1) / most_threads;
  return {chunks, whole_warps((items + chunks - 1) / chunks)};
}

}  // namespace mm::cuda
