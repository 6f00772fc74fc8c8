// The cache of large CPU blocks.
#include "ops/cpu/caching_allocator.h"

#include <ATen/ops/empty.h>

#include <c10/core/CPUAllocator.h>

#include <atomic>
#include <thread>

#include "compare.h"

namespace mm::cpu {
namespace {

/// Puts LibTorch's own allocator back, so that the other tests of the program run without the cache.
class CachingAllocator : public testing::Test {
 protected:
  void SetUp() override { use_caching_allocator(); }
  void TearDown() override { c10::SetCPUAllocator(c10::GetDefaultCPUAllocator(), 100); }

  static at::Tensor block(int64_t bytes) { return at::empty({bytes}, at::kByte); }
};

TEST_F(CachingAllocator, HandsAFreedBlockOutAgain) {
  const void* first = block(3 << 20).data_ptr();
  EXPECT_EQ(block(3 << 20).data_ptr(), first);
  EXPECT_EQ(block((3 << 20) - 5).data_ptr(), first);  // same size class
}

TEST_F(CachingAllocator, NeverHandsOutABlockThatIsInUse) {
  const at::Tensor a = block(5 << 20), b = block(5 << 20);
  a.fill_(1);
  b.fill_(2);
  EXPECT_EQ(a.max().item<int>(), 1);
  EXPECT_EQ(b.min().item<int>(), 2);
}

TEST_F(CachingAllocator, RoundsUpToBlocksThatHoldWhatIsAsked) {
  for (int64_t bytes : {(1 << 20), (1 << 20) + 1, (9 << 20) / 8 + 1, (1 << 24) - 1, (1 << 25) + 4097}) {
    block(bytes).fill_(0x5a);  // writes the last byte as well
    const at::Tensor again = block(bytes);
    EXPECT_EQ(again.nbytes(), static_cast<size_t>(bytes));
  }
}

TEST_F(CachingAllocator, AlignsBlocksForVectorLoads) {
  for (int64_t bytes : {1 << 20, 3000001, 17 << 20}) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(block(bytes).data_ptr()) % 64, 0u) << bytes;
  }
}

TEST_F(CachingAllocator, LeavesSmallTensorsToTheSystem) {
  const at::Tensor small = block(1000), large = block(1 << 20);
  EXPECT_EQ(small.storage().data_ptr().get_deleter(), c10::GetDefaultCPUAllocator()->raw_deleter());
  EXPECT_NE(large.storage().data_ptr().get_deleter(), c10::GetDefaultCPUAllocator()->raw_deleter());
}

TEST_F(CachingAllocator, CountsTheBlocksThatAFreshCacheWouldHaveTaken) {
  const at::Tensor kept = block(6 << 20);
  block(3 << 20);
  restart_peak();
  const int64_t before = peak_bytes();
  EXPECT_GE(before, 6 << 20);
  block(3 << 20);
  block(3 << 20);  // the same one again
  EXPECT_EQ(peak_bytes() - before, 3 << 20);
  {
    const at::Tensor a = block(3 << 20), b = block(3 << 20), c = block(12 << 20);
    EXPECT_EQ(peak_bytes() - before, (3 + 3 + 12) << 20);
  }
  EXPECT_EQ(peak_bytes() - before, (3 + 3 + 12) << 20);
  restart_peak();
  EXPECT_EQ(peak_bytes(), before);
}

TEST_F(CachingAllocator, GivesBackWhatIsNotInUse) {
  const at::Tensor kept = block(6 << 20).fill_(7);
  block(40 << 20).fill_(1);
  const int64_t held = held_bytes();
  give_back();
  EXPECT_LE(held_bytes(), held - (40 << 20));
  EXPECT_EQ(kept.min().item<int>(), 7);
  EXPECT_EQ(block(40 << 20).fill_(2).max().item<int>(), 2);
}

TEST_F(CachingAllocator, KeepsBlocksApartWhenTwoThreadsTakeAndFreeThem) {
  std::atomic<int> mixed_up = 0;
  const auto work = [&](int mark) {
    for (int i = 0; i < 200; ++i) {
      const at::Tensor mine = block((1 << 20) + (i % 3 << 20)).fill_(mark);
      if (mine[0].item<int>() != mark || mine[-1].item<int>() != mark) ++mixed_up;
    }
  };
  std::thread other(work, 1);
  work(2);
  other.join();
  EXPECT_EQ(mixed_up, 0);
}

TEST_F(CachingAllocator, TakesBackRawMemoryOfEitherKind) {
  c10::Allocator* allocator = c10::GetCPUAllocator();
  allocator->raw_deallocate(allocator->raw_allocate(1000));
  void* large = allocator->raw_allocate(11 << 20);
  allocator->raw_deallocate(large);
  EXPECT_EQ(block(11 << 20).data_ptr(), large);
}

TEST_F(CachingAllocator, TakesBackABlockFreedByAnotherThread) {
  at::Tensor tensor = block(7 << 20);
  const void* data = tensor.data_ptr();
  std::thread([moved = std::move(tensor)]() mutable { moved.reset(); }).join();
  EXPECT_EQ(block(7 << 20).data_ptr(), data);
}

}  // namespace
}  // namespace mm::cpu
