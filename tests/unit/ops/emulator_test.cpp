// The emulated GPU finds what it is there to find: kernels with a fault each, beside the same without it.
#include "ops/cuda/emulator/emulator.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "core/error.h"
#include "ops/cuda/device_code.h"
#include "ops/cuda/emulator/guarded_buffer.h"

namespace mm::cuda {
namespace {

constexpr int kThreads = 64;
constexpr uint64_t kOrders[] = {0, 1, 2, 3};

/// What is not written is NaN.
class Floats {
 public:
  explicit Floats(size_t size) : size_(size), buffer_(size * sizeof(float)) {}
  float* data() const { return static_cast<float*>(buffer_.data()); }
  std::vector<float> values() const { return {data(), data() + size_}; }
  bool intact() const { return buffer_.intact(); }

 private:
  size_t size_;
  GuardedBuffer buffer_;
};

int count_nan(const std::vector<float>& values) {
  return static_cast<int>(std::count_if(values.begin(), values.end(), [](float x) { return std::isnan(x); }));
}

/// What `kernel` writes for each thread of two blocks, in every order.
std::vector<std::vector<float>> results_by_order(void (*kernel)(float*)) {
  std::vector<std::vector<float>> results;
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    const Floats y(2 * kThreads);
    launch(kernel, {2, kThreads}, nullptr, y.data());
    results.push_back(y.values());
  }
  return results;
}

/// Each thread reads what its mirror image in the block wrote, twice.
template <bool kBarrierBefore, bool kBarrierBehind>
MM_KERNEL mirror(float* y) {
  MM_SHARED(float, left, kThreads);
  float sum = 0;
  for (int round = 0; round < 2; ++round) {
    left[thread()] = static_cast<float>(100 * round + thread());
    if (kBarrierBefore) barrier();
    sum += left[kThreads - 1 - thread()];
    if (kBarrierBehind) barrier();
  }
  y[block() * kThreads + thread()] = sum;
}

TEST(Emulator, GivesAKernelWithItsBarriersTheSameResultInEveryOrder) {
  const auto results = results_by_order(mirror<true, true>);
  for (const std::vector<float>& result : results) {
    for (int i = 0; i < 2 * kThreads; ++i) {
      EXPECT_EQ(result[static_cast<size_t>(i)], static_cast<float>(100 + 2 * (kThreads - 1 - i % kThreads)));
    }
  }
}

TEST(Emulator, ShowsAMissingBarrierBetweenWriteAndRead) {
  const auto results = results_by_order(mirror<false, true>);
  for (const std::vector<float>& result : results) EXPECT_GT(count_nan(result), 0);
}

TEST(Emulator, ShowsAMissingBarrierBetweenReadAndNextWrite) {
  const auto right = results_by_order(mirror<true, true>), wrong = results_by_order(mirror<true, false>);
  for (size_t i = 0; i < wrong.size(); ++i) EXPECT_NE(wrong[i], right[i]) << "order " << kOrders[i];
}

MM_KERNEL reads_what_nobody_wrote(float* y) {
  MM_SHARED(float, half_full, kThreads);
  if (thread() % 2 == 0) half_full[thread()] = 1;
  barrier();
  y[block() * kThreads + thread()] = half_full[thread()];
}

TEST(Emulator, ShowsAReadOfSharedMemoryThatNobodyWroteInAnyBlock) {
  for (const std::vector<float>& result : results_by_order(reads_what_nobody_wrote)) {
    EXPECT_EQ(count_nan(result), kThreads);
  }
}

MM_KERNEL copies(const float* x, int64_t count, int64_t shift, float* y) {
  const int64_t i = block() * threads() + thread();
  if (i < count) y[i] = x[i + shift];
}

TEST(Emulator, ShowsAReadOfGlobalMemoryThatNobodyWrote) {
  const Emulation emulation;
  const Floats x(50), y(50);
  std::fill(x.data(), x.data() + 49, 1.0f);
  launch(copies, {1, kThreads}, nullptr, x.data(), 50, 0, y.data());
  EXPECT_EQ(count_nan(y.values()), 1);
}

TEST(EmulatorDeathTest, EndsAtAReadBehindABuffer) {
  const Emulation emulation;
  const Floats x(50), y(50);
  EXPECT_DEATH(launch(copies, {1, kThreads}, nullptr, x.data(), 50, 1, y.data()),
               "thread 49 of block 0 touched memory outside its buffers|AddressSanitizer");
}

MM_KERNEL reads_behind_shared_memory(float* y) {
  MM_SHARED(float, left, kThreads);
  left[thread()] = 0;
  barrier();
  y[thread()] = left[thread() + 1];
}

TEST(EmulatorDeathTest, EndsAtAReadBehindSharedMemory) {
  const Emulation emulation;
  const Floats y(kThreads);
  EXPECT_DEATH(launch(reads_behind_shared_memory, {1, kThreads}, nullptr, y.data()),
               "thread 63 of block 0 touched memory outside its buffers|AddressSanitizer");
}

TEST(Emulator, ShowsAReadAndAWriteBeforeABuffer) {
  const Emulation emulation;
  const Floats x(50), y(50);
  std::fill(x.data(), x.data() + 50, 1.0f);
  launch(copies, {1, kThreads}, nullptr, x.data(), 50, -1, y.data());
  EXPECT_EQ(count_nan(y.values()), 1);
  EXPECT_TRUE(y.intact());
  launch(copies, {1, kThreads}, nullptr, x.data() + 1, 1, 0, y.data() - 1);
  EXPECT_FALSE(y.intact());
}

MM_KERNEL half_of_the_threads_wait(float* y) {
  if (thread() < kThreads / 2) barrier();
  y[thread()] = 0;
}
MM_KERNEL half_of_a_warp_shuffles(float* y) {
  y[thread()] = lane() < kWarp / 2 ? shuffle_xor(1, 1) : 0;
}
MM_KERNEL loads_between_addresses(float* y) {
  store(y, load<4>(y + 1));
}

TEST(Emulator, RefusesWhatAGpuWouldHangOnOrAnswerWithAnError) {
  const Emulation emulation;
  const Floats y(kThreads);
  for (const auto kernel : {half_of_the_threads_wait, half_of_a_warp_shuffles, loads_between_addresses}) {
    EXPECT_THROW(launch(kernel, {1, kThreads}, nullptr, y.data()), Error);
  }
  launch(mirror<true, true>, {1, kThreads}, nullptr, y.data());  // and goes on
  EXPECT_EQ(count_nan(y.values()), 0);
}

MM_KERNEL sums_and_maxima(float* y) {
  Values<2> x;
  x[0] = static_cast<float>(thread());
  x[1] = 0.1f * static_cast<float>((thread() * 29) % 64);
  const Values<2> lanes = reduce_lanes(Sum(), x, 8), sums = reduce_block(Sum(), x), highest = reduce_block(Max(), x);
  const float all[] = {lanes[0], lanes[1], sums[0], sums[1], highest[0], highest[1]};
  for (int i = 0; i < 6; ++i) y[i * kThreads + thread()] = all[i];
}

TEST(Reductions, GiveEveryThreadTheSameBytesInEveryOrder) {
  std::set<std::vector<float>> seen;
  for (const uint64_t order : kOrders) {
    const Emulation emulation(order);
    const Floats y(6 * kThreads);
    launch(sums_and_maxima, {1, kThreads}, nullptr, y.data());
    const std::vector<float> values = y.values();
    seen.insert(values);
    for (size_t i = 0; i < kThreads; ++i) {
      const size_t group = i / 8 * 8;
      EXPECT_EQ(values[i], static_cast<float>(8 * group + 28));
      EXPECT_EQ(values[kThreads + i], values[kThreads + group]);
      EXPECT_EQ(values[2 * kThreads + i], 2016);
      EXPECT_EQ(values[3 * kThreads + i], values[3 * kThreads]);
      EXPECT_EQ(values[4 * kThreads + i], 63);
      EXPECT_EQ(values[5 * kThreads + i], 6.3f);
    }
    EXPECT_NEAR(values[3 * kThreads], 201.6f, 1e-4);
  }
  EXPECT_EQ(seen.size(), 1u);
}

/// Every value comes back, and what lies halfway between two goes to the one with an even last digit.
template <class Narrow>
void expect_rounds_to_nearest_even(uint16_t infinity) {
  const auto of_bits = [](int bits) {
    Narrow x;
    x.bits = static_cast<uint16_t>(bits);
    return x;
  };
  for (int bits = 0; bits < infinity; ++bits) {
    for (const int sign : {0, 0x8000}) {
      const auto low = static_cast<float>(of_bits(sign | bits));
      ASSERT_EQ(Narrow(low).bits, sign | bits);
      if (bits + 1 == infinity) continue;
      const float middle = low / 2 + static_cast<float>(of_bits(sign | (bits + 1))) / 2;
      ASSERT_EQ(Narrow(middle).bits, sign | (bits + bits % 2)) << middle;
      ASSERT_EQ(Narrow(std::nextafter(middle, low)).bits, sign | bits) << middle;
    }
  }
  EXPECT_EQ(Narrow(INFINITY).bits, infinity);
  EXPECT_EQ(Narrow(-3.4e38f).bits, 0x8000 | infinity);
  EXPECT_TRUE(std::isnan(static_cast<float>(Narrow(NAN))));
  EXPECT_TRUE(std::isinf(static_cast<float>(of_bits(infinity))));
}

TEST(NarrowFloats, RoundToNearestEven) {
  expect_rounds_to_nearest_even<Half>(0x7c00);
  expect_rounds_to_nearest_even<BFloat16>(0x7f80);
}

}  // namespace
}  // namespace mm::cuda
