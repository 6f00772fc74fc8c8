// Against torch.randperm: the order of the rows decides every number of a replay.
#include "data/windows/randperm.h"

#include "data_files.h"

namespace mm {
namespace {

using Order = std::vector<uint32_t>;

Order first(const Order& order, ptrdiff_t count) {
  return {order.begin(), order.begin() + count};
}

TEST(Randperm, IsPyTorchs) {
  EXPECT_EQ(first(randperm(20, 42), 8), (Order{2, 14, 18, 15, 1, 10, 0, 4}));
  EXPECT_EQ(first(randperm(100000, 43), 4), (Order{55588, 24349, 73215, 28800}));
}

TEST(Randperm, OfNothingAndOfOneIsThat) {
  EXPECT_EQ(randperm(0, 42), Order());
  EXPECT_EQ(randperm(1, 42), Order{0});
}

TEST(Randperm, WhatPyTorchOrdersInAnotherWayIsRefused) {
  EXPECT_EQ(error_of(ExitCode::kData, [] { randperm(int64_t{1} << 32, 42); }),
            "data.train: got 4,294,967,296 rows, want fewer than 214,748,364 (split the data over several runs)");
}

}  // namespace
}  // namespace mm
