// The order of the windows: complete every epoch, different every epoch, known at any position.
#include "data/windows/sample_order.h"

#include <gtest/gtest.h>

#include <numeric>
#include <set>

#include "core/error.h"

namespace mm {
namespace {

TEST(SampleOrder, EveryEpochVisitsEveryWindowOnceInAnotherOrder) {
  SampleOrder order(100, 42);
  std::set<std::vector<int64_t>> epochs;
  for (int64_t epoch = 0; epoch < 3; ++epoch) {
    std::vector<int64_t> windows;
    for (int64_t i = 0; i < 100; ++i) windows.push_back(order.window_at(100 * epoch + i));
    epochs.insert(windows);
    EXPECT_EQ(std::set<int64_t>(windows.begin(), windows.end()).size(), 100u);
    EXPECT_EQ(*std::max_element(windows.begin(), windows.end()), 99);
  }
  EXPECT_EQ(epochs.size(), 3u);
}

TEST(SampleOrder, AnyPositionCanBeAskedFirst) {
  SampleOrder from_start(100, 42);
  for (int64_t position = 0; position < 350; ++position) {
    EXPECT_EQ(SampleOrder(100, 42).window_at(position), from_start.window_at(position));
  }
}

TEST(SampleOrder, TheSeedChangesTheOrder) {
  SampleOrder one(100, 1);
  SampleOrder two(100, 2);
  int equal = 0;
  for (int64_t position = 0; position < 100; ++position) equal += one.window_at(position) == two.window_at(position);
  EXPECT_LT(equal, 20);
}

TEST(SampleOrder, MoreWindowsThanItCanCountAreRefused) {
  EXPECT_THROW(SampleOrder(int64_t{1} << 32, 1), Error);
}

}  // namespace
}  // namespace mm
