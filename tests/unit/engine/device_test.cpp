// Where a run computes, and in what type.
#include "engine/device/device.h"

#include <ATen/Context.h>
#include <ATen/ops/equal.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include "engine/device/data_sheet.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

DeviceSetup set_up(const std::string& device, const std::string& precision) {
  RunSection run;
  run.device = device;
  run.threads = 1;
  return set_up_device(run, precision);
}

TEST(Device, TheCpuComputesInFp32UnlessToldOtherwise) {
  EXPECT_EQ(set_up("cpu", "auto").compute_type, at::kFloat);
  EXPECT_EQ(set_up("cpu", "bf16").compute_type, at::kBFloat16);
  EXPECT_EQ(set_up("cpu", "fp16").compute_type, at::kHalf);
  EXPECT_EQ(set_up("cpu", "auto").description, "cpu, 1 thread, fp32");
}

TEST(Device, AutoTakesAGpuWhereThereIsOne) {
  EXPECT_EQ(set_up("auto", "fp32").device.is_cuda(), at::hasCUDA());
}

TEST(Device, AGpuGivesTheSameBytesEveryTimeUnlessToldOtherwise) {
  if (!at::hasCUDA()) {
    set_up("cpu", "auto");
    EXPECT_FALSE(at::globalContext().deterministicAlgorithms()) << "a CPU needs no other ops for it";
    GTEST_SKIP() << "the rest is of a GPU";
  }
  set_up("cuda", "auto");
  EXPECT_TRUE(at::globalContext().deterministicAlgorithms());
  EXPECT_FALSE(at::globalContext().userEnabledCuDNNSDP());
  RunSection run;
  run.deterministic = false;
  EXPECT_TRUE(set_up_device(run, "auto").description.ends_with(", not deterministic"));
  EXPECT_FALSE(at::globalContext().deterministicAlgorithms());
  EXPECT_TRUE(at::globalContext().userEnabledCuDNNSDP());
}

TEST(DataSheet, IsKnownByWhatAGpuCallsItself) {
  const auto teraflops = [](const char* name) { return data_sheet_rate(name, at::kBFloat16) / 1e12; };
  EXPECT_EQ(teraflops("NVIDIA H100 80GB HBM3"), 989);
  EXPECT_EQ(teraflops("NVIDIA H100 PCIe"), 756);
  EXPECT_EQ(teraflops("NVIDIA H200"), 989);
  EXPECT_EQ(teraflops("NVIDIA H20"), 148);
  EXPECT_EQ(teraflops("NVIDIA A100-SXM4-80GB"), 312);
  EXPECT_EQ(teraflops("NVIDIA A10"), 125);
  EXPECT_EQ(teraflops("NVIDIA GeForce RTX 3090"), 71);
  EXPECT_EQ(teraflops("NVIDIA L4"), 121);
  EXPECT_EQ(teraflops("NVIDIA A1000 Laptop GPU"), 0);
  EXPECT_EQ(teraflops("an emulated GPU"), 0);
  EXPECT_EQ(data_sheet_rate("NVIDIA H200", at::kFloat), 0) << "products in fp32 are not on the tensor cores";
}

TEST(Device, TheRateOfProductsIsMeasuredWithoutDrawingFromAGenerator) {
  seed_device(at::kCPU, 3);
  const at::Tensor expected = at::randn({4});
  seed_device(at::kCPU, 3);
  EXPECT_GT(measure_gemm_rate(at::kCPU, at::kFloat), 0);
  EXPECT_TRUE(at::equal(at::randn({4}), expected));
}

TEST(Device, AGpuThatIsNotThereIsRefused) {
  const Thrown error = thrown_by([] { set_up("cuda:999", "auto"); });
  EXPECT_EQ(error.code, ExitCode::kDevice);
  if (at::hasCUDA()) GTEST_SKIP() << "the words below are for a machine without a GPU";
  EXPECT_EQ(error.message,
            "run.device: got cuda:999 with no GPU in sight, want a GPU that is there (use --device cpu, or build with "
            "scripts/build.sh cuda on a machine with a GPU)");
}

}  // namespace
}  // namespace mm
