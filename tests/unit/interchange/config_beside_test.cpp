// A config.json that is there and cannot be read is an error, never another model; what stands alone says so.
#include "interchange/config/config_beside.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "checkpoint/safetensors.h"
#include "core/files/files.h"
#include "interchange/export/export.h"
#include "interchange/weights.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// A model whose rope_theta is not its generation's, as a Hugging Face folder.
class ConfigBesideTest : public testing::Test {
 protected:
  ConfigBesideTest() {
    const Weights dense = open_weights(MM_GOLDEN_DATA "/checkpoints/g3a_dense_dict_fp16.pth", nullptr, "--init");
    ModelConfig model = dense.file.model;
    model.rope_theta = 1e4;
    write_huggingface_folder(folder_, checked_tensors(dense, model), model, {});
    config_ = read_file(path_, ExitCode::kInternal);
  }

  Weights open(const std::string& from) const { return open_weights(from, nullptr, "--init"); }

  Thrown refusal(const std::string& config) const {
    write_file_atomic(path_, config);
    return thrown_by([&] { open(folder_); });
  }

  std::string replaced(const std::string& part, const std::string& by) const {
    std::string text = config_;
    return text.replace(text.find(part), part.size(), by);
  }

  TempFolder temporary_;
  std::string folder_ = temporary_ / "hf", path_ = folder_ + "/config.json", config_;
};

std::string utf16(const std::string& text) {
  std::string wide = "\xff\xfe";
  for (const char c : text) wide += {c, '\0'};
  return wide;
}

TEST_F(ConfigBesideTest, AWholeOneSaysWhatModelItIs) {
  EXPECT_EQ(open(folder_).file.model.rope_theta, 1e4);
}

TEST_F(ConfigBesideTest, EveryTruncationIsRefusedWithItsPlace) {
  for (size_t length = 0; length < config_.rfind('}'); ++length) {
    const Thrown error = refusal(config_.substr(0, length));
    ASSERT_EQ(error.code, ExitCode::kCheckpoint) << length;
    ASSERT_TRUE(error.message.starts_with(path_ + ":")) << error.message;
  }
}

TEST_F(ConfigBesideTest, EveryOtherDamageIsRefusedWithItsPlace) {
  const std::string theta = "\"rope_theta\": 10000.0";
  const std::vector<std::pair<std::string, std::string>> damages = {
      {replaced(theta, "\"rope_theta\": NaN"), ""},
      {replaced(theta, "\"rope_theta\": 1e400"), ""},
      {replaced(theta, "\"rope_theta\": -Infinity"), ""},
      {replaced(theta, theta + ", " + theta), ":rope_theta: got the key twice"},
      {"\xef\xbb\xbf" + config_, ":1:1: got a byte order mark"},
      {utf16(config_), ":1:1: got a byte order mark"},
      {std::string(config_.size(), '\0'), ":1:1: got a null byte"},
      {config_ + "}", ""},
      {config_ + std::string(1, '\0'), "a null byte"},
      {config_ + "x", ""},
      {std::string(100000, '['), ""},
      {"[]", ": got a list, want an object"},
      {"7", ": got 7, want an object"},
      {"{}", ": got neither \"model_type\" nor \"model\""},
      {replaced("\"model_type\": \"llama\"", "\"model_type\": null"), ":model.model_type: got null"},
      {replaced("\"model_type\": \"llama\"", "\"model_type\": \"\\u001b[2J\""), ":model_type: got \"\\u001b[2J\""},
      {replaced("\"num_attention_heads\": 8", "\"num_attention_heads\": \"8\""), ":model.num_attention_heads: got"},
      {replaced("\"num_attention_heads\": 8", "\"num_attention_heads\": 7"), "got"},
  };
  for (const auto& [config, part] : damages) {
    const Thrown error = refusal(config);
    EXPECT_EQ(error.code, ExitCode::kCheckpoint) << error.message;
    EXPECT_NE(error.message.find(path_), std::string::npos) << error.message;
    EXPECT_NE(error.message.find(part), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\x1b'), std::string::npos) << error.message;
  }
}

TEST_F(ConfigBesideTest, WhatIsNoFileOrMayNotBeReadIsRefused) {
  fs::remove(path_);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_EQ(thrown_by([&] { open(folder_); }).message,
            path_ + ": got a pipe or a device, want a file (restore it from a copy)");
  fs::remove(path_);
  fs::create_directory(path_);
  EXPECT_EQ(thrown_by([&] { open(folder_); }).code, ExitCode::kCheckpoint);
  fs::remove(path_);
  fs::create_symlink("config.json", path_);
  EXPECT_NE(thrown_by([&] { open(folder_); }).message.find("Too many levels of symbolic links"), std::string::npos);
}

TEST_F(ConfigBesideTest, AFolderThatNothingDescribesIsRefusedAndItsFileOpensWithAWarning) {
  fs::remove(path_);
  const Thrown error = thrown_by([&] { open(folder_); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message, "--init: got " + folder_ +
                               ", which has no config.json, want a folder that says what model is in it (put "
                               "config.json there, or name " +
                               folder_ + "/model.safetensors itself to open it as a MiniMind model)");
  testing::internal::CaptureStderr();
  open(folder_ + "/model.safetensors");
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_TRUE(warning.starts_with("warning: " + folder_ + "/model.safetensors: got no config.json beside it"))
      << warning;
  EXPECT_NE(warning.find("with num_attention_heads=8, rope_theta=1000000.0, rms_norm_eps=1e-05"), std::string::npos)
      << warning;
}

TEST_F(ConfigBesideTest, AConfigOfSomethingElseIsPassedOverWithAWarning) {
  const Weights dense = open(folder_);
  write_model_safetensors(temporary_ / "own/a.safetensors", dense.tensors, dense.file.model);
  write_file_atomic(temporary_ / "own/config.json", R"({"port": 80})");
  testing::internal::CaptureStderr();
  EXPECT_EQ(open(temporary_ / "own/a.safetensors").file.model.rope_theta, 1e4);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("it is not used"), std::string::npos);
}

TEST_F(ConfigBesideTest, TheConfigOfARunIsReadForItsCheckpointsAlone) {
  const std::string run = temporary_ / "run";
  const Weights dense = open(folder_);
  write_safetensors(run + "/checkpoints/a/model.safetensors", dense.tensors, {});
  write_file_atomic(run + "/config.json",
                    R"({"model": {"rope_theta": 3e4}, "tokenizer": {"path": "t"}, "data": {"sequence_length": 99}})");
  const Weights opened = open(run + "/checkpoints/a");
  EXPECT_EQ(opened.file.model.rope_theta, 3e4);
  EXPECT_EQ(opened.tokenizer_path, "t");
  EXPECT_EQ(opened.sequence_length, 99);

  write_file_atomic(run + "/config.json", R"({"model": {}, "tokenizer": {"path": 7}, "data": [1]})");
  EXPECT_EQ(open(run + "/checkpoints/a").tokenizer_path, "");
  write_file_atomic(run + "/config.json", R"({"model": {"rope_theta": 3e)");
  EXPECT_EQ(thrown_by([&] { open(run + "/checkpoints/a"); }).code, ExitCode::kCheckpoint);
}

TEST(TensorNames, AreHarmlessInMessages) {
  const TempFolder folder;
  const Weights dense = open_weights(MM_GOLDEN_DATA "/checkpoints/g3a_dense_dict_fp16.pth", nullptr, "--init");
  const std::string evil = "\x1b[2J\nerror: fake";
  write_safetensors(folder / "a.safetensors", {{evil, dense.tensors.front().second}}, {});
  NamedTensors more = dense.tensors;
  more.emplace_back(evil, dense.tensors.front().second);
  write_safetensors(folder / "b.safetensors", more, {});
  for (const char* file : {"a.safetensors", "b.safetensors"}) {
    const Thrown error = thrown_by([&] {
      const Weights weights = open_weights(folder / file, nullptr, "--init");
      checked_tensors(weights, weights.file.model);
    });
    EXPECT_NE(error.message.find("\"\\u001b[2J\\nerror: fake\""), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\n'), std::string::npos) << error.message;
    EXPECT_EQ(error.message.find('\x1b'), std::string::npos) << error.message;
  }
}

}  // namespace
}  // namespace mm
