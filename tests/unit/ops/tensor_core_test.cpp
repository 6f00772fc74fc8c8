// The words of tensor_core.h on the emulated GPU: each lane holds what the PTX ISA says it does, and a kernel that does
// not wait for its copies shows it.
#include "ops/cuda/tensor_core.h"

#include <gtest/gtest.h>

#include <cstring>
#include <vector>

#include "core/error.h"
#include "ops/cuda/emulator/emulator.h"
#include "ops/cuda/emulator/guarded_buffer.h"

namespace mm::cuda {
namespace {

constexpr uint64_t kOrders[] = {0, 1, 2, 3};

/// Memory of a kernel; floats that nobody wrote are NaN.
template <class T>
class Memory {
 public:
  explicit Memory(int size) : size_(size), buffer_(static_cast<size_t>(size) * sizeof(T)) {}
  template <class Value>
  Memory(int size, const Value& value) : Memory(size) {
    for (int i = 0; i < size; ++i) data()[i] = T(value(i));
  }
  T* data() const { return static_cast<T*>(buffer_.data()); }
  T operator[](int i) const { return data()[i]; }
  std::vector<T> values() const { return {data(), data() + size_}; }

 private:
  int size_;
  GuardedBuffer buffer_;
};

using FourFloats = Pack<4, float>;

/// A lane copies 16 bytes in each of two groups, and reads what the lane opposite to it copied. `kLater`: how many
/// groups may be under way when it reads the first.
template <int kLater, bool kBarrier>
MM_KERNEL copies_to_the_opposite(const float* from, int count, float* to) {
  MM_SHARED(FourFloats, arrived, 2 * kWarp);
  for (int group = 0; group < 2; ++group) {
    const int place = group * kWarp + thread();
    const bool inside = place < count;
    copy_16_async(arrived + place, inside ? from + 4 * place : from, inside);
    end_copies();
  }
  wait_for_copies<kLater>();
  if (kBarrier) barrier();
  for (int group = 0; group < 2; ++group) {
    if (group == 1) wait_for_copies<0>();
    if (group == 1 && kBarrier) barrier();
    store(to + 4 * (group * kWarp + thread()), load<4>(arrived[group * kWarp + kWarp - 1 - thread()].values));
  }
}

/// How many numbers arrived wrong, in each order.
std::vector<int> wrong_by_order(void (*kernel)(const float*, int, float*)) {
  constexpr int kSize = 8 * kWarp, kCount = 2 * kWarp - 3;  // the last three packs are beyond the edge
  std::vector<int> wrong;
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    const Memory<float> from(4 * kCount, [](int i) { return 1 + i; }), to(kSize);
    launch(kernel, {1, kWarp}, nullptr, from.data(), kCount, to.data());
    wrong.push_back(0);
    for (int i = 0; i < kSize; ++i) {
      const int group = i / (4 * kWarp), source = group * kWarp + kWarp - 1 - i / 4 % kWarp;
      const float expected = source < kCount ? static_cast<float>(1 + 4 * source + i % 4) : 0.0f;
      wrong.back() += to[i] == expected ? 0 : 1;
    }
  }
  return wrong;
}

TEST(AsynchronousCopies, ArriveBehindAWaitAndABarrierAndAreZeroBeyondTheEdge) {
  EXPECT_EQ(wrong_by_order(copies_to_the_opposite<1, true>), std::vector<int>(4, 0));
}

TEST(AsynchronousCopies, ShowAMissingWait) {
  for (const int wrong : wrong_by_order(copies_to_the_opposite<2, true>)) EXPECT_GT(wrong, 0);
}

TEST(AsynchronousCopies, ShowAMissingBarrier) {
  for (const int wrong : wrong_by_order(copies_to_the_opposite<1, false>)) EXPECT_GT(wrong, 0);
}

/// Each lane sums what the lane opposite to it copied in each of two rounds.
template <bool kBarrier>
MM_KERNEL copies_over_what_others_read(const float* from, float* to) {
  MM_SHARED(FourFloats, arrived, kWarp);
  Values<4> sum;
  for (int round = 0; round < 2; ++round) {
    copy_16_async(arrived + thread(), from + 4 * (round * kWarp + thread()), true);
    end_copies();
    wait_for_copies<0>();
    barrier();
    const Values<4> other = load<4>(arrived[kWarp - 1 - thread()].values);
    for (int i = 0; i < 4; ++i) sum[i] += other[i];
    if (kBarrier) barrier();
  }
  store(to + 4 * thread(), sum);
}

TEST(AsynchronousCopies, ShowAMissingBarrierBeforeTheNextOnes) {
  const auto results = [](uint64_t order, void (*kernel)(const float*, float*)) {
    const Emulation emulation(order);
    const Memory<float> from(8 * kWarp, [](int i) { return i * i; }), to(4 * kWarp);
    launch(kernel, {1, kWarp}, nullptr, from.data(), to.data());
    return to.values();
  };
  const std::vector<float> right = results(0, copies_over_what_others_read<true>);
  EXPECT_EQ(right[0], 124 * 124 + 252 * 252);
  for (const uint64_t order : kOrders) {
    EXPECT_EQ(results(order, copies_over_what_others_read<true>), right) << order;
    EXPECT_NE(results(order, copies_over_what_others_read<false>), right) << order;
  }
}

MM_KERNEL ends_before_its_copies(const float* from, float* to) {
  MM_SHARED(FourFloats, arrived, kWarp);
  copy_16_async(arrived + thread(), from + 4 * thread(), true);
  end_copies();
  to[thread()] = 0;
}
MM_KERNEL copies_from_between_packs(const float* from, float* to) {
  MM_SHARED(FourFloats, arrived, kWarp);
  copy_16_async(arrived + thread(), from + 4 * thread() + 1, thread() < kWarp - 1);
  end_copies();
  wait_for_copies<0>();
  to[thread()] = 0;
}
MM_KERNEL parts_of_a_warp_run_different_instructions(const float* from, float* to) {
  if (lane() < kWarp / 2) {
    to[thread()] = shuffle_xor(from[thread()], 1);
  } else {
    warp_barrier();
  }
}

TEST(Emulator, RefusesCopiesAndInstructionsOfAWarpThatNoGpuWouldRun) {
  const Emulation emulation;
  const Memory<float> from(4 * kWarp, [](int i) { return i; }), to(kWarp);
  for (const auto kernel :
       {ends_before_its_copies, copies_from_between_packs, parts_of_a_warp_run_different_instructions}) {
    EXPECT_THROW(launch(kernel, {1, kWarp}, nullptr, from.data(), to.data()), Error);
  }
}

template <bool kWaits>
MM_KERNEL mirror_in_a_warp(const float*, float* y) {
  MM_SHARED(float, left, kWarp);
  left[thread()] = static_cast<float>(thread());
  if (kWaits) warp_barrier();
  y[thread()] = left[kWarp - 1 - thread()];
}

TEST(WarpBarrier, LetsAWarpSeeWhatItsLanesWroteAndIsMissedWhereItIsMissing) {
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    const Memory<float> with(kWarp), without(kWarp);
    launch(mirror_in_a_warp<true>, {1, kWarp}, nullptr, with.data(), with.data());
    launch(mirror_in_a_warp<false>, {1, kWarp}, nullptr, with.data(), without.data());
    for (int i = 0; i < kWarp; ++i) EXPECT_EQ(with[i], static_cast<float>(kWarp - 1 - i));
    EXPECT_NE(with.values(), without.values());
  }
}

/// Four matrices of 8 x 8, one below the other in memory; a lane writes the two numbers of each that it holds.
template <bool kTransposed>
MM_KERNEL unpack_matrices(const Half* matrices, Half* held) {
  const Half* row = matrices + 8 * lane();
  const Fragment f = kTransposed ? load_matrices_transposed(row) : load_matrices(row);
  for (int matrix = 0; matrix < 4; ++matrix)
    std::memcpy(static_cast<void*>(held + 8 * lane() + 2 * matrix), f.words + matrix, 4);
}

TEST(LoadMatrices, GivesEachLaneTheNumbersThatThePtxIsaGivesIt) {
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    const Memory<Half> matrices(4 * 64, [](int i) { return static_cast<float>(i); }), as_is(8 * kWarp),
        transposed(8 * kWarp);
    launch(unpack_matrices<false>, {1, kWarp}, nullptr, matrices.data(), as_is.data());
    launch(unpack_matrices<true>, {1, kWarp}, nullptr, matrices.data(), transposed.data());
    for (int i = 0; i < 8 * kWarp; ++i) {
      // Row lane / 4, and the elements 2 (lane % 4) and the next of it.
      const int at = i / 8, matrix = i % 8 / 2, row = at / 4, column = 2 * (at % 4) + i % 2;
      EXPECT_EQ(static_cast<float>(as_is[i]), static_cast<float>(64 * matrix + 8 * row + column)) << i;
      EXPECT_EQ(static_cast<float>(transposed[i]), static_cast<float>(64 * matrix + 8 * column + row)) << i;
    }
  }
}

/// a [lane][8], b [lane][4] and sums [lane][4] as the lanes hold them.
template <class T>
MM_KERNEL multiply_once(const T* a, const T* b, float* sums) {
  Fragment rows;
  uint32_t columns[2];
  std::memcpy(rows.words, a + 8 * lane(), sizeof(rows.words));
  std::memcpy(columns, b + 4 * lane(), sizeof(columns));
  Values<4> mine;
  for (int i = 0; i < 4; ++i) mine[i] = sums[4 * lane() + i];
  multiply_add<T>(rows, columns[0], columns[1], mine);
  for (int i = 0; i < 4; ++i) sums[4 * lane() + i] = mine[i];
}

/// Numbers of which no product is lost in 16 bits, and no sum in fp32.
float a_of(int row, int term) {
  return static_cast<float>((row * 7 + term * 3) % 13 - 6);
}
float b_of(int term, int column) {
  return static_cast<float>((term * 5 + column * 11) % 9 - 4);
}
float c_of(int row, int column) {
  return static_cast<float>(8 * row + column) + 0.25f;
}

template <class T>
void expect_product_in_the_layout_of_the_ptx_isa() {
  // mma.m16n8k16 with .f16 or .bf16, "Matrix Fragments": group is lane / 4, thread in it lane % 4.
  const Memory<T> a(8 * kWarp, [](int i) {
    const int group = i / 8 / 4, thread = i / 8 % 4, n = i % 8;
    return a_of(n < 2 || (n >= 4 && n < 6) ? group : group + 8, thread * 2 + (n & 1) + (n >= 4 ? 8 : 0));
  });
  const Memory<T> b(4 * kWarp, [](int i) {
    const int group = i / 4 / 4, thread = i / 4 % 4, n = i % 4;
    return b_of(thread * 2 + (n & 1) + (n >= 2 ? 8 : 0), group);
  });
  const auto row_of_sum = [](int i) { return i % 4 < 2 ? i / 4 / 4 : i / 4 / 4 + 8; };
  const auto column_of_sum = [](int i) { return i / 4 % 4 * 2 + (i & 1); };
  const Memory<float> sums(4 * kWarp, [&](int i) { return c_of(row_of_sum(i), column_of_sum(i)); });
  launch(multiply_once<T>, {1, kWarp}, nullptr, a.data(), b.data(), sums.data());
  for (int i = 0; i < 4 * kWarp; ++i) {
    float expected = c_of(row_of_sum(i), column_of_sum(i));
    for (int term = 0; term < 16; ++term) expected += a_of(row_of_sum(i), term) * b_of(term, column_of_sum(i));
    EXPECT_EQ(sums[i], expected) << i;
  }
}

TEST(MultiplyAdd, IsAProductInTheLayoutOfThePtxIsa) {
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    expect_product_in_the_layout_of_the_ptx_isa<BFloat16>();
    expect_product_in_the_layout_of_the_ptx_isa<Half>();
  }
}

}  // namespace
}  // namespace mm::cuda
