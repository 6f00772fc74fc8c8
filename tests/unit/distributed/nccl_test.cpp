// NCCL, as far as one GPU goes: that it starts and carries tensors.
#include <ATen/Context.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include "distributed/process_group.h"
#include "ranks.h"

namespace mm {
namespace {

TEST(Nccl, AGroupOfOneGpuCarriesTensors) {
  if (!at::hasCUDA()) GTEST_SKIP() << "no GPU";
  const Placement place{.address = "127.0.0.1", .port = free_port()};
  const MeetingPoint meeting(place, /*opens=*/true, std::chrono::seconds(60));
  ProcessGroup group(place, {.name = "one/", .index = 0, .count = 1}, meeting, at::Device(at::kCUDA, 0));
  const at::Tensor sent = at::arange(1000, at::TensorOptions().dtype(at::kFloat).device(at::kCUDA));
  const at::Tensor got = at::empty({1, 1000}, sent.options());
  group.all_gather(got, sent);
  EXPECT_TRUE(at::equal(got[0], sent));
  got.zero_();
  group.all_to_all(got, sent.unsqueeze(0));
  EXPECT_TRUE(at::equal(got[0], sent));
  group.broadcast(sent);
  EXPECT_TRUE(at::equal(got[0], sent));
}

}  // namespace
}  // namespace mm
