// What goes to a GPU narrow comes back as it was.
#include "data/batch_wire.h"

#include <ATen/ops/equal.h>
#include <ATen/ops/tensor.h>
#include <gtest/gtest.h>

namespace mm {
namespace {

at::Tensor numbers(const std::vector<int64_t>& values) {
  return at::tensor(values, at::kLong);
}

TEST(BatchWire, TokensAndPositionsWithoutATargetComeBack) {
  for (const int64_t largest : {1, 32767, 32768, 65534, 65535, 65536, 151'936}) {
    const at::Tensor x = numbers({0, 1, kIgnoredTarget, largest / 2, largest, kIgnoredTarget});
    const at::Tensor wide = widen(narrow(x, /*pinned=*/false));
    EXPECT_TRUE(at::equal(wide, x)) << largest;
    EXPECT_EQ(wide.scalar_type(), at::kLong);
  }
}

TEST(BatchWire, TheyTakeTwoBytesEachWhereTheyFit) {
  EXPECT_EQ(narrow(numbers({0, 65534}), false).nbytes(), 4U);
  EXPECT_EQ(narrow(numbers({0, 65535}), false).nbytes(), 8U);
}

}  // namespace
}  // namespace mm
