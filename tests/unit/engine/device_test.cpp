// Where a run computes, and in what type.
#include "engine/device/device.h"

#include <ATen/Context.h>
#include <gtest/gtest.h>

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
