// Files that Python wrote in every flavour of MiniMind's history: names, dtypes, shapes and bytes of every tensor.
#include <ATen/core/Tensor.h>
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>

#include "checkpoint/pth/pth_file.h"
#include "core/error.h"
#include "core/files/files.h"
#include "tests/support/sha256.h"

namespace mm {
namespace {

using nlohmann::json;

std::string golden(const std::string& name) {
  return std::string(MM_GOLDEN) + "/" + name;
}

json numbers(const std::string& name) {
  return json::parse(read_file(golden("numbers/" + name + ".json"), ExitCode::kData));
}

std::string dtype_word(const at::Tensor& tensor) {
  static const std::map<at::ScalarType, std::string> words = {
      {at::kFloat, "float32"}, {at::kHalf, "float16"}, {at::kBFloat16, "bfloat16"}, {at::kLong, "int64"}};
  return words.at(tensor.scalar_type());
}

std::string hash_of(const at::Tensor& tensor) {
  const at::Tensor rows = tensor.contiguous();
  return sha256_hex({static_cast<const std::byte*>(rows.const_data_ptr()), rows.nbytes()});
}

void expect_tensor(const std::string& name, const at::Tensor& tensor, const json& want) {
  EXPECT_EQ(name, want.at("name").get<std::string>());
  EXPECT_EQ(dtype_word(tensor), want.at("dtype").get<std::string>()) << name;
  EXPECT_EQ(tensor.sizes().vec(), want.at("shape").get<std::vector<int64_t>>()) << name;
  EXPECT_EQ(hash_of(tensor), want.at("sha256").get<std::string>()) << name;
}

void expect_tensors(const NamedTensors& tensors, const json& want) {
  ASSERT_EQ(tensors.size(), want.size());
  for (size_t i = 0; i < tensors.size(); ++i) expect_tensor(tensors[i].first, tensors[i].second, want[i]);
}

class GoldenStateDict : public testing::TestWithParam<const char*> {};

TEST_P(GoldenStateDict, HasTheTensorsThatPythonSaved) {
  const PthFile file(golden("checkpoints/" + std::string(GetParam()) + ".pth"));
  std::vector<std::string> others;
  expect_tensors(file.tensors(file.root(), &others), numbers(GetParam()).at("tensors"));
  EXPECT_TRUE(others.empty());
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenStateDict,
                         testing::Values("g1_dense_mask_keys_fp32", "g1_dense_ordered_fp32", "g1_moe_ordered_fp32",
                                         "g2_dense_ordered_fp32", "g2_moe_ordered_fp32", "g3a_dense_dict_fp16",
                                         "g3a_dense_dict_fp16_cuda0", "g3a_moe_dict_fp16", "g3c_dense_orig_mod_fp16",
                                         "g3c_moe_two_shared_fp16", "g4b_dense_dict_fp16", "g4b_dense_dict_fp32",
                                         "g4b_dense_module_fp16", "g4b_moe_dict_bf16", "g4b_moe_dict_fp16"));

class GoldenTrainingState : public testing::TestWithParam<const char*> {};

TEST_P(GoldenTrainingState, HasTheModelTheMomentsAndTheNumbersThatPythonSaved) {
  const PthFile file(golden("checkpoints/" + std::string(GetParam()) + ".pth"));
  const json want = numbers(GetParam());
  const PickleValue root = file.root();
  expect_tensors(file.tensors(root.at("model")), want.at("model_tensors"));

  const json& scalars = want.at("scalars");
  EXPECT_EQ(root.at("epoch").integer(), scalars.at("epoch"));
  EXPECT_EQ(root.at("step").integer(), scalars.at("step"));
  EXPECT_EQ(root.at("world_size").integer(), scalars.at("world_size"));
  EXPECT_EQ(root.at("wandb_id").is(PickleKind::kNone), scalars.at("wandb_id").is_null());
  EXPECT_EQ(root.at("scaler").size(), scalars.at("scaler").size());

  const PickleValue group = root.at("optimizer").at("param_groups").elements().at(0);
  const json& want_group = want.at("param_groups").at(0);
  EXPECT_EQ(group.size(), want_group.size());
  EXPECT_EQ(group.at("lr").number(), want_group.at("lr").get<double>());
  EXPECT_EQ(group.at("betas").elements().at(1).number(), want_group.at("betas").at(1).get<double>());
  EXPECT_EQ(group.at("amsgrad").boolean(), want_group.at("amsgrad").get<bool>());
  EXPECT_TRUE(group.at("foreach").is(PickleKind::kNone));
  EXPECT_EQ(group.at("params").size(), want_group.at("params").size());

  const PickleValue states = root.at("optimizer").at("state");
  ASSERT_EQ(states.size(), want.at("optimizer_state").size());
  for (const json& state : want.at("optimizer_state")) {
    for (const json& tensor : state.at("tensors")) {
      const std::string name = tensor.at("name");
      expect_tensor(name, file.tensor(states.at(state.at("index").get<int64_t>()).at(name)), tensor);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GoldenTrainingState, testing::Values("g3b_moe_resume", "g4b_dense_resume"));

TEST(GoldenFiles, TheTiedPairSharesMemoryWhereItWasOneStorage) {
  const PthFile shared(golden("checkpoints/g1_dense_ordered_fp32.pth"));
  EXPECT_EQ(shared.tensor(shared.root().at("tok_embeddings.weight")).const_data_ptr(),
            shared.tensor(shared.root().at("output.weight")).const_data_ptr());
  const PthFile separate(golden("checkpoints/g3a_dense_dict_fp16.pth"));
  EXPECT_NE(separate.tensor(separate.root().at("model.embed_tokens.weight")).const_data_ptr(),
            separate.tensor(separate.root().at("lm_head.weight")).const_data_ptr());
}

TEST(GoldenFiles, TheFormatBefore2020IsRefusedWithItsConversion) {
  try {
    const PthFile file(golden("checkpoints/g3a_dense_legacy_fp16.pth"));
    FAIL() << "was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ExitCode::kCheckpoint);
    EXPECT_NE(
        std::string(error.what()).find("g3a_dense_legacy_fp16.pth: got a file in the format of PyTorch before 1.6"),
        std::string::npos);
    EXPECT_NE(std::string(error.what()).find("python3 -c \"import torch; torch.save(torch.load("), std::string::npos);
  }
}

}  // namespace
}  // namespace mm
