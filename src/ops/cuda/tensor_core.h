// The language of the kernels, continued: products of 16-bit numbers on tensor cores, and the asynchronous copies that
// feed them. Of compute capability 8.0 and newer; meaning and layout of each word are those of the PTX ISA ("Warp-level
// matrix instructions", mma.m16n8k16 and ldmatrix; "cp.async"). All lanes of a warp call what takes fragments.
#pragma once

#include <type_traits>

#include "ops/cuda/device_code.h"

namespace mm::cuda {

/// 16 x 16 numbers of 16 bits, spread over a warp: four matrices of 8 x 8. A lane has of each the two neighbours number
/// lane % 4 in row lane / 4.
struct Fragment {
  uint32_t words[4];
};

#ifdef __CUDACC__

/// Begins to copy 16 bytes of global memory into shared memory, or, if not `inside`, zeros, and nothing is read. Both
/// addresses are multiples of 16.
MM_DEVICE void copy_16_async(void* to, const void* from, bool inside) {
  asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16, %2;" ::"r"(
                   static_cast<uint32_t>(__cvta_generic_to_shared(to))),
               "l"(__cvta_generic_to_global(from)), "r"(inside ? 16 : 0)
               : "memory");
}
/// Makes a group of the copies that this thread began since the last one.
MM_DEVICE void end_copies() {
  asm volatile("cp.async.commit_group;" ::: "memory");
}
/// Until all groups of this thread but the last kLater ones have landed. Other threads see them behind a barrier.
template <int kLater>
MM_DEVICE void wait_for_copies() {
  asm volatile("cp.async.wait_group %0;" ::"n"(kLater) : "memory");
}

/// Two numbers of global memory, asked for in this place of the program: left to itself the compiler puts a load beside
/// its use, where it is waited for at once.
MM_DEVICE Values<2> load_ahead(const float* from) {
  Values<2> x;
  asm volatile("ld.global.v2.f32 {%0, %1}, [%2];"
               : "=f"(x[0]), "=f"(x[1])
               : "l"(__cvta_generic_to_global(from))
               : "memory");
  return x;
}

/// Four matrices of 8 x 8 from shared memory; the address of row i % 8 of matrix i / 8 is that of lane i.
MM_DEVICE Fragment load_matrices(const void* row) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.words[0]), "=r"(f.words[1]), "=r"(f.words[2]), "=r"(f.words[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
  return f;
}
/// The same, rows and columns of each exchanged.
MM_DEVICE Fragment load_matrices_transposed(const void* row) {
  Fragment f;
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(f.words[0]), "=r"(f.words[1]), "=r"(f.words[2]), "=r"(f.words[3])
               : "r"(static_cast<uint32_t>(__cvta_generic_to_shared(row)))
               : "memory");
  return f;
}

/// sums += A B, 16 x 8, from A 16 x 16 and B 16 x 8, summed in fp32.
///   a     rows and terms 0-7; rows 8-15, terms 0-7; rows 0-7, terms 8-15; rows and terms 8-15
///   b_low, b_high  terms 0-7 and 8-15 of B^T
///   sums  of a lane: columns 2 (lane % 4) and the next, of row lane / 4, then of row lane / 4 + 8
template <class T>
MM_DEVICE void multiply_add(const Fragment& a, uint32_t b_low, uint32_t b_high, Values<4>& sums) {
  if constexpr (std::is_same_v<T, BFloat16>) {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.words[0]), "r"(a.words[1]), "r"(a.words[2]), "r"(a.words[3]), "r"(b_low), "r"(b_high));
  } else {
    asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(sums[0]), "+f"(sums[1]), "+f"(sums[2]), "+f"(sums[3])
        : "r"(a.words[0]), "r"(a.words[1]), "r"(a.words[2]), "r"(a.words[3]), "r"(b_low), "r"(b_high));
  }
}

#else

inline void copy_16_async(void* to, const void* from, bool inside) {
  check_aligned(to, 16);
  check_aligned(from, 16);
  emulator::copy_async(to, inside ? from : nullptr, 16);
}
inline void end_copies() {
  emulator::end_copies();
}
template <int kLater>
void wait_for_copies() {
  emulator::wait_for_copies(kLater);
}

inline Values<2> load_ahead(const float* from) {
  return load<2>(from);
}

/// Number `column` of the row that lane `lane` gave.
inline uint32_t given_number(int lane, int column) {
  uint16_t bits;
  std::memcpy(&bits, static_cast<const char*>(emulator::given_by(lane)) + column * sizeof(bits), sizeof(bits));
  return bits;
}
template <bool kTransposed>
Fragment load_matrices_of(const void* row) {
  check_aligned(row, 16);
  emulator::give_to_warp(row, 16);
  Fragment f;
  for (int matrix = 0; matrix < 4; ++matrix) {
    const int first = 8 * matrix, own = lane() / 4, pair = 2 * (lane() % 4);
    f.words[matrix] = kTransposed ? given_number(first + pair, own) | given_number(first + pair + 1, own) << 16
                                  : given_number(first + own, pair) | given_number(first + own, pair + 1) << 16;
  }
  return f;
}
inline Fragment load_matrices(const void* row) {
  return load_matrices_of<false>(row);
}
inline Fragment load_matrices_transposed(const void* row) {
  return load_matrices_of<true>(row);
}

/// One rounding for all of it: no less exact than a GPU, whose order and rounding of the sum are its own.
template <class T>
void multiply_add(const Fragment& a, uint32_t b_low, uint32_t b_high, Values<4>& sums) {
  const uint32_t given[] = {a.words[0], a.words[1], a.words[2], a.words[3], b_low, b_high};
  emulator::give_to_warp(given, sizeof(given));
  double rows[2][16], columns[2][16];
  for (int place = 0; place < 4; ++place) {  // of a lane among those that have a row, or a column
    const auto numbers_of = [&](int line) { return static_cast<const T*>(emulator::given_by(4 * line + place)); };
    const T *of_row = numbers_of(lane() / 4),
            *of_columns[] = {numbers_of(2 * (lane() % 4)), numbers_of(2 * (lane() % 4) + 1)};
    for (int i = 0; i < 4; ++i) {
      const int high = i / 2, term = 8 * high + 2 * place + i % 2;
      for (int line = 0; line < 2; ++line) {
        rows[line][term] = static_cast<float>(of_row[2 * (2 * high + line) + i % 2]);
        columns[line][term] = static_cast<float>(of_columns[line][2 * (4 + high) + i % 2]);
      }
    }
  }
  for (int i = 0; i < 4; ++i) {
    double sum = sums[i];
    for (int term = 0; term < 16; ++term) sum += rows[i / 2][term] * columns[i % 2][term];
    sums[i] = static_cast<float>(sum);
  }
}

#endif

}  // namespace mm::cuda
