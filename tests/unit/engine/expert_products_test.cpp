// What multiplies the rows of experts on a GPU, asked of emulated ones.
#include "engine/device/expert_products.h"

#include <ATen/ops/zeros.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <vector>

#include "engine/device/device.h"
#include "engine/micro_batch_graph.h"
#include "ops/cuda/emulator/emulator.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

class ExpertProducts : public testing::Test {
 protected:
  ExpertProducts() {
    config_.model.model_type = "moe";
    config_.model.hidden_size = 16;
    config_.model.moe.moe_intermediate_size = 24;
  }
  ~ExpertProducts() override { prefer_grouped_backend(std::nullopt); }

  std::optional<GroupedBackend> chosen(at::ScalarType type, const std::string& wanted = "auto") {
    config_.run.expert_products = wanted;
    return choose_expert_products(config_, at::kCPU, type);
  }

  RunConfig config_;
};

TEST_F(ExpertProducts, AreMadeByTheFirstThatCan) {
  {
    const cuda::Emulation hopper(0, 90);
    EXPECT_EQ(chosen(at::kBFloat16), GroupedBackend::kGroupedMm);
    EXPECT_EQ(chosen(at::kHalf), GroupedBackend::kTensorCores);
    EXPECT_EQ(chosen(at::kFloat), GroupedBackend::kByExpert);
  }
  {
    const cuda::Emulation ampere(0, 86);
    EXPECT_EQ(chosen(at::kBFloat16), GroupedBackend::kTensorCores);
  }
  const cuda::Emulation turing(0, 75);
  EXPECT_EQ(chosen(at::kHalf), GroupedBackend::kByExpert);
}

TEST_F(ExpertProducts, AreMadeByTheOneThatIsNamed) {
  const cuda::Emulation hopper(0, 90);
  const at::Tensor row = at::zeros({1, 16}, at::kBFloat16), weight = at::zeros({2, 48, 16}, at::kBFloat16);
  EXPECT_EQ(chosen(at::kBFloat16, "tensor_cores"), GroupedBackend::kTensorCores);
  EXPECT_EQ(grouped_backends(row, weight),
            (std::vector{GroupedBackend::kTensorCores, GroupedBackend::kGroupedMm, GroupedBackend::kByExpert}));
  EXPECT_EQ(chosen(at::kBFloat16, "by_expert"), GroupedBackend::kByExpert);
  EXPECT_EQ(grouped_backends(row, weight).front(), GroupedBackend::kByExpert);
  EXPECT_EQ(chosen(at::kBFloat16), GroupedBackend::kGroupedMm) << "a name is forgotten with the run that said it";
  EXPECT_EQ(grouped_backends(row, weight).front(), GroupedBackend::kGroupedMm);
}

TEST_F(ExpertProducts, AreRefusedWhereTheOneThatIsNamedCannotMakeThem) {
  const cuda::Emulation ampere(0, 86);
  const Thrown thrown = thrown_by([&] { chosen(at::kBFloat16, "grouped_mm"); });
  EXPECT_EQ(thrown.code, ExitCode::kConfig);
  EXPECT_EQ(thrown.message,
            "run.expert_products: got grouped_mm, want auto, tensor_cores, by_expert (what a GPU of compute capability "
            "8.6 has for products in bf16)");
}

TEST_F(ExpertProducts, AreNobodysOnACpuAndInADenseModel) {
  EXPECT_EQ(chosen(at::kFloat, "tensor_cores"), std::nullopt) << "who says so for a CPU is told that it has no effect";
  const cuda::Emulation hopper(0, 90);
  config_.model.model_type = "dense";
  EXPECT_EQ(chosen(at::kBFloat16), std::nullopt);
}

/// It would copy to the host while a graph is captured, which CUDA refuses.
TEST_F(ExpertProducts, ThatWaitForCountsKeepAMicroBatchFromBeingCaptured) {
  config_.train.cuda_graph = true;
  DeviceSetup setup;
  setup.device = {at::kCUDA, 0};
  setup.expert_products = GroupedBackend::kTensorCores;
  EXPECT_TRUE(captures(config_, setup));
  setup.expert_products = GroupedBackend::kByExpert;
  EXPECT_FALSE(captures(config_, setup));
  setup.device = at::kCPU;
  EXPECT_STREQ(capture_obstacle(setup), "there is no GPU");
}

}  // namespace
}  // namespace mm
