// The products of experts of the CUDA path, on tensor cores, against their definition in fp32 on the CPU: what is 16
// bits wide is that, rounded once; sums in fp32 are off by kOfProducts of the largest.
#include <ATen/ops/cat.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/full.h>
#include <ATen/ops/tensor.h>

#include <numeric>

#include "device_under_test.h"
#include "ops/experts/grouped_linear.h"

namespace mm {
namespace {

#ifdef MM_CUDA
constexpr double kOfProducts = 1e-5;  // tensor cores have a rounding of their own
#else
constexpr double kOfProducts = kOfSums;
#endif

at::Tensor ends_of(const std::vector<int32_t>& rows_of_experts) {
  std::vector<int32_t> ends(rows_of_experts.size());
  std::partial_sum(rows_of_experts.begin(), rows_of_experts.end(), ends.begin());
  return at::tensor(ends, at::kInt);
}

at::Tensor on_tensor_cores(const at::Tensor& x_ri, const at::Tensor& weight_eoi, const at::Tensor& ends_e) {
  return grouped_linear(x_ri, weight_eoi, ends_e, GroupedBackend::kTensorCores);
}

struct Case {
  const char* name;
  std::vector<int32_t> rows_of_experts;
  int64_t in, out;
};

class CudaGroupedLinear : public OnDeviceUnderTest, public testing::WithParamInterface<at::ScalarType> {
 protected:
  at::Tensor narrow(at::IntArrayRef shape, uint64_t seed) const { return random_tensor(shape, seed).to(GetParam()); }

  void expect_rounded(const at::Tensor& actual, const at::Tensor& expected) const {
    ASSERT_EQ(actual.scalar_type(), GetParam());
    ASSERT_EQ(actual.sizes(), expected.sizes());
    if (expected.numel() == 0) return;
    const double unit = GetParam() == at::kHalf ? 0x1p-11 : 0x1p-8;
    const at::Tensor a = actual.detach().cpu().to(at::kDouble), e = expected.detach().to(at::kDouble);
    const at::Tensor excess = (a - e).abs() - (e.abs() * (1.01 * unit) + kOfProducts * e.abs().amax());
    EXPECT_LE(excess.nan_to_num(kInfinity).max().item<double>(), 0);
  }
};

TEST_P(CudaGroupedLinear, EqualsItsDefinition) {
  std::vector<int32_t> many(70, 3);
  many[0] = many[33] = 0;
  many[64] = 150;
  // Rows around the tile's 128, widths that fill no tile or no part of 32 terms, experts beyond the 32 that are looked
  // at together.
  const std::vector<Case> cases = {{"odd counts, idle experts", {0, 1, 7, 8, 127, 129, 0}, 40, 136},
                                   {"all on one expert", {0, 0, 300}, 8, 8},
                                   {"one expert", {5}, 264, 24},
                                   {"many experts", many, 16, 8},
                                   {"no rows", {0, 0}, 16, 24}};
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const at::Tensor ends = ends_of(c.rows_of_experts), ends_here = ends.to(device());
    const at::Tensor x = narrow({ends[-1].item<int>(), c.in}, 1), weight = narrow({ends.size(0), c.out, c.in}, 2);
    const Tensors actual = on_device_repeatedly([&] {
      return forward_and_backward([&](const Tensors& t) { return Tensors{on_tensor_cores(t[0], t[1], ends_here)}; },
                                  {x.to(device()), weight.to(device())}, GetParam());
    });
    const Tensors expected =
        forward_and_backward([&](const Tensors& t) { return Tensors{reference::grouped_linear(t[0], t[1], ends)}; },
                             {x.to(at::kFloat), weight.to(at::kFloat)}, GetParam());
    for (size_t i = 0; i < expected.size(); ++i) {
      SCOPED_TRACE(i);
      expect_rounded(actual[i], expected[i]);
    }
    for (size_t e = 0; e < c.rows_of_experts.size(); ++e) {
      if (c.rows_of_experts[e] > 0) continue;
      EXPECT_EQ(actual[2][static_cast<int64_t>(e)].count_nonzero().item<int64_t>(), 0) << "idle expert " << e;
    }
  }
}

TEST_P(CudaGroupedLinear, AddsUnroundedGradientsOfSeveralMicroBatchesToAnFp32Buffer) {
  constexpr int64_t kIn = 136, kOut = 24;
  const at::Tensor weight = narrow({4, kOut, kIn}, 3), before = random_tensor({4, kOut, kIn}, 4);
  struct MicroBatch {
    at::Tensor ends, x, dy;
  };
  std::vector<MicroBatch> batches;
  for (const std::vector<int32_t>& rows : {std::vector<int32_t>{0, 3, 200, 0}, std::vector<int32_t>{9, 0, 130, 0}}) {
    const at::Tensor ends = ends_of(rows);
    const uint64_t seed = 5 + 2 * batches.size();
    batches.push_back(
        {ends, narrow({ends[-1].item<int>(), kIn}, seed), narrow({ends[-1].item<int>(), kOut}, seed + 1)});
  }
  const Tensors actual = on_device_repeatedly([&] {
    at::Tensor leaf = weight.to(device()).detach().set_requires_grad(true);
    leaf.set_grad_dtype(at::kFloat);
    const at::Tensor sum = before.to(device(), at::kFloat, /*non_blocking=*/false, /*copy=*/true);
    leaf.mutable_grad() = sum;
    for (const MicroBatch& batch : batches) {
      on_tensor_cores(batch.x.to(device()), leaf, batch.ends.to(device())).backward(batch.dy.to(device()));
    }
    EXPECT_TRUE(leaf.grad().is_same(sum));
    return Tensors{sum};
  });
  at::Tensor expected = before.to(at::kDouble);
  for (const MicroBatch& batch : batches) {
    for (int64_t e = 0; e < 4; ++e) {
      const int64_t begin = e == 0 ? 0 : batch.ends[e - 1].item<int>(), end = batch.ends[e].item<int>();
      expected[e] += batch.dy.slice(0, begin, end).to(at::kDouble).t().mm(batch.x.slice(0, begin, end).to(at::kDouble));
    }
  }
  expect_close({actual[0].cpu()}, {expected.to(at::kFloat)}, kOfProducts);
  EXPECT_TRUE(at::equal(actual[0][3].cpu(), before[3])) << "an expert that no micro-batch has rows for";
}

TEST_P(CudaGroupedLinear, SumsInFp32) {
  // 4096 + 1 is no number of 16 bits: where sums were, ones would be lost.
  at::Tensor x = at::full({1, 512}, 1.0, at::kFloat);
  x[0][0] = 64;
  at::Tensor weight = at::full({1, 8, 512}, 1.0, at::kFloat);
  weight.select(2, 0).fill_(64);
  weight.select(2, 511).fill_(-32 * 32);
  const at::Tensor y = on_device([&] {
    return on_tensor_cores(x.to(GetParam()).to(device()), weight.to(GetParam()).to(device()),
                           at::tensor({1}, at::kInt).to(device()));
  });
  // 4096 + 510 - 1024 = 3582, which bf16 rounds to 3584.
  EXPECT_TRUE(at::equal(y.cpu(), at::full({1, 8}, 3582.0, at::kFloat).to(GetParam())));
}

TEST_P(CudaGroupedLinear, LetsANanThroughToItsRowAndItsExpertAlone) {
  const at::Tensor ends = at::tensor({5, 9, 20}, at::kInt);
  at::Tensor x = narrow({20, 16}, 8);
  x[8][3] = kNan;  // the last row of expert 1
  const at::Tensor weight = narrow({3, 24, 16}, 9);
  const Tensors results = on_device([&] {
    return forward_and_backward(
        [&](const Tensors& t) { return Tensors{on_tensor_cores(t[0], t[1], ends.to(device()))}; },
        {x.to(device()), weight.to(device())});
  });
  EXPECT_EQ(count_nan(results[0]), 24);
  EXPECT_EQ(count_nan(results[0][8]), 24);
  EXPECT_EQ(count_nan(results[1]), 0);
  EXPECT_EQ(count_nan(results[2]), 24);  // of feature 3
  EXPECT_EQ(count_nan(results[2][1]), 24);
}

TEST_P(CudaGroupedLinear, TakesUpstreamGradientsThatBeginAnywhere) {
  const at::Tensor ends = at::tensor({2, 3}, at::kInt), x = narrow({3, 16}, 10), weight = narrow({2, 8, 16}, 11);
  const at::Tensor upstream = narrow({32}, 12);
  const auto gradient = [&](bool aligned) {
    return on_device([&] {
      const at::Tensor rows = x.to(device()).detach().set_requires_grad(true);
      const at::Tensor dy = upstream.to(device()).narrow(0, 1, 24).view({3, 8});
      on_tensor_cores(rows, weight.to(device()), ends.to(device())).backward(aligned ? dy.clone() : dy);
      return rows.grad();
    });
  };
  EXPECT_TRUE(at::equal(gradient(false), gradient(true)));
}

TEST_P(CudaGroupedLinear, TakesWhatTensorCoresDoNotByExpert) {
  const at::Tensor ends = at::tensor({2, 3}, at::kInt);
  const at::Tensor flat = narrow({56}, 13);
  const auto expect_by_expert = [&](const at::Tensor& x_here, const at::Tensor& x, const at::Tensor& weight) {
    const at::Tensor y = on_device([&] {
      const at::Tensor weight_here = weight.to(device());
      EXPECT_EQ(grouped_backends(x_here, weight_here).back(), GroupedBackend::kByExpert);
      for (const GroupedBackend backend : grouped_backends(x_here, weight_here)) {
        EXPECT_NE(backend, GroupedBackend::kTensorCores);
      }
      return grouped_linear(x_here, weight_here, ends.to(device()), GroupedBackend::kByExpert);
    });
    const at::Tensor expected = reference::grouped_linear(x.to(at::kFloat), weight.to(at::kFloat), ends);
    expect_close({y.to(at::kFloat)}, {expected}, 1e-2);
  };
  const at::Tensor odd = narrow({3, 12}, 14), even = narrow({3, 16}, 15);
  expect_by_expert(odd.to(device()), odd, narrow({2, 8, 12}, 16));
  expect_by_expert(even.to(device()), even, narrow({2, 9, 16}, 17));
  const auto shifted = [](const at::Tensor& x) { return x.narrow(0, 1, 48).view({3, 16}); };
  expect_by_expert(shifted(flat.to(device())), shifted(flat), narrow({2, 8, 16}, 18));
}

INSTANTIATE_TEST_SUITE_P(, CudaGroupedLinear, testing::Values(at::kBFloat16, at::kHalf),
                         [](const auto& row) { return std::string(c10::toString(row.param)); });

#ifndef MM_CUDA

TEST(GroupedBackends, AreChosenByDeviceAndType) {
  using enum GroupedBackend;
  using Backends = std::vector<GroupedBackend>;
  GuardedAllocator::use();
  const auto backends = [](at::ScalarType type) {
    return grouped_backends(random_tensor({3, 16}, 1).to(type), random_tensor({2, 8, 16}, 2).to(type));
  };
  EXPECT_EQ(backends(at::kBFloat16), Backends({kByExpert})) << "on a CPU";
  {
    const cuda::Emulation older(0, 75);
    EXPECT_EQ(backends(at::kHalf), Backends({kByExpert})) << "tensor cores without these instructions";
  }
  for (const int capability : {80, 86, 89, 120}) {
    const cuda::Emulation emulation(0, capability);
    EXPECT_EQ(backends(at::kBFloat16), Backends({kTensorCores, kByExpert})) << capability;
    EXPECT_EQ(backends(at::kHalf), Backends({kTensorCores, kByExpert})) << capability;
    EXPECT_EQ(backends(at::kFloat), Backends({kByExpert})) << capability;
  }
  for (const int capability : {90, 100}) {
    const cuda::Emulation emulation(0, capability);
    EXPECT_EQ(backends(at::kBFloat16), Backends({kGroupedMm, kTensorCores, kByExpert})) << capability;
    EXPECT_EQ(backends(at::kHalf), Backends({kTensorCores, kByExpert})) << capability;
  }
}

#endif

}  // namespace
}  // namespace mm
