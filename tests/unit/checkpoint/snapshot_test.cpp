// A copy of tensors that share memory, for a writer beside the training.
#include "checkpoint/store/snapshot.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

namespace mm {
namespace {

TEST(Snapshot, KeepsWhatTheTensorsWere) {
  const at::Tensor flat = at::arange(24, at::kFloat), count = at::zeros({}, at::kLong);
  const NamedTensors tensors = {{"front", flat.narrow(0, 0, 12).view({3, 4})},
                                {"turned", flat.narrow(0, 12, 12).view({3, 4}).t()},
                                {"count", count}};
  Snapshot snapshot;
  const NamedTensors copy = snapshot.take(tensors);
  flat.fill_(-1);
  count.fill_(7);
  EXPECT_EQ(copy[0].first, "front");
  EXPECT_TRUE(at::equal(copy[0].second, at::arange(12, at::kFloat).view({3, 4})));
  EXPECT_TRUE(at::equal(copy[1].second, at::arange(12, 24, at::kFloat).view({3, 4}).t()));
  EXPECT_EQ(copy[2].second.item<int64_t>(), 0);
}

TEST(Snapshot, CopiesOfOneMomentDoNotOverwriteEachOther) {
  const at::Tensor weights = at::zeros({4}), moments = at::zeros({4});
  Snapshot snapshot;
  const NamedTensors first = snapshot.take({{"w", weights}});
  weights.fill_(1);
  moments.fill_(2);
  const NamedTensors second = snapshot.take({{"w", weights}, {"m", moments}});
  EXPECT_TRUE(at::equal(second[0].second, first[0].second));
  EXPECT_TRUE(at::equal(second[1].second, moments));
}

TEST(Snapshot, TheNextOneUsesTheSameMemory) {
  const at::Tensor weights = at::zeros({1000});
  Snapshot snapshot;
  const void* const memory = snapshot.take({{"w", weights}})[0].second.const_data_ptr();
  snapshot.forget();
  weights.fill_(3);
  const NamedTensors next = snapshot.take({{"w", weights}});
  EXPECT_EQ(next[0].second.const_data_ptr(), memory);
  EXPECT_TRUE(at::equal(next[0].second, weights));
}

}  // namespace
}  // namespace mm
