// Checkpoints as other programs find them: whole, damaged, without a manifest, moved, linked.
#include "checkpoint/store/checkpoint_reader.h"

#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "checkpoint/store/checkpoint_store.h"
#include "core/files/files.h"
#include "tests/support/newer_manifest.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

/// Three checkpoints of which the second is the best.
class CheckpointReader : public testing::Test {
 protected:
  CheckpointReader() {
    CheckpointStore store(folder_, 3);
    for (const int64_t step : {10, 20, 30}) {
      store.save(step, {{{"w", at::full({64}, step, at::kFloat)}}, {{"m", at::full({4}, 1, at::kFloat)}}, "{}"},
                 step == 20);
    }
  }

  std::string of(int64_t step) const { return folder_ + "/step_000000" + std::to_string(step); }
  std::string weights_of(int64_t step) const { return of(step) + "/model.safetensors"; }

  void flip(const std::string& path, size_t place) const {
    std::string bytes = read_file(path, ExitCode::kInternal);
    bytes[place % bytes.size()] ^= 1;
    write_file_atomic(path, bytes);
  }

  Thrown refusal(const std::string& path) const {
    return thrown_by([&] { verify_weights(path); });
  }

  /// What is chosen for the run, and the warning that came with it.
  std::pair<std::string, std::string> chosen() const {
    testing::internal::CaptureStderr();
    const std::string folder = find_whole_checkpoint(folder_);
    return {folder, testing::internal::GetCapturedStderr()};
  }

  TempFolder temporary_;
  std::string folder_ = temporary_ / "run/checkpoints";
};

TEST_F(CheckpointReader, EveryFlippedByteAndEveryOtherLengthIsSeen) {
  const std::string good = read_file(weights_of(20), ExitCode::kInternal);
  for (size_t i = 0; i < 60; ++i) {
    flip(weights_of(20), i * good.size() / 60);
    const Thrown error = refusal(folder_ + "/best/model.safetensors");
    EXPECT_EQ(error.code, ExitCode::kCheckpoint) << i;
    EXPECT_TRUE(error.message.starts_with(folder_ + "/best/model.safetensors: got \"")) << error.message;
    EXPECT_NE(error.message.find("restore the file from a copy"), std::string::npos) << error.message;
    write_file_atomic(weights_of(20), good);
  }
  verify_weights(weights_of(20));
  write_file_atomic(weights_of(20), good + "x");
  EXPECT_NE(refusal(weights_of(20)).message.find("as its bytes"), std::string::npos);
  fs::remove(weights_of(20));
  EXPECT_NE(refusal(weights_of(20)).message.find("no such file"), std::string::npos);
}

TEST_F(CheckpointReader, OnlyWhatIsReadHasToBeWhole) {
  flip(of(20) + "/optimizer.safetensors", 3);
  flip(of(20) + "/state.json", 0);
  verify_weights(weights_of(20));
}

TEST_F(CheckpointReader, AMovedCheckpointIsVerifiedAndOneUnderAForeignNumberIsRefused) {
  fs::rename(of(20), temporary_ / "mine");
  verify_weights(temporary_ / "mine/model.safetensors");
  flip(temporary_ / "mine/model.safetensors", 700);
  EXPECT_EQ(refusal(temporary_ / "mine/model.safetensors").code, ExitCode::kCheckpoint);

  fs::rename(of(10), of(40));
  EXPECT_NE(refusal(weights_of(40)).message.find("manifest.json:step: got 10, want 40"), std::string::npos);
}

TEST_F(CheckpointReader, LinksLeadToTheManifest) {
  fs::create_symlink(weights_of(20), temporary_ / "linked.safetensors");
  fs::create_directory_symlink(of(20), temporary_ / "linked");
  verify_weights(temporary_ / "linked.safetensors");
  flip(weights_of(20), 100);
  fs::remove(temporary_ / "linked.safetensors");
  fs::create_symlink(weights_of(20), temporary_ / "linked.safetensors");
  EXPECT_EQ(refusal(temporary_ / "linked.safetensors").code, ExitCode::kCheckpoint);
  EXPECT_EQ(refusal(temporary_ / "linked/model.safetensors").code, ExitCode::kCheckpoint);
}

TEST_F(CheckpointReader, WithoutAManifestACheckpointOfARunIsRefusedAndAFileElsewhereIsNot) {
  fs::remove(of(20) + "/manifest.json");
  const Thrown error = refusal(folder_ + "/best/model.safetensors");
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message, folder_ +
                               "/best/manifest.json: got no such file, want the manifest without which a checkpoint is "
                               "not whole (restore it from a copy; model.safetensors copied to another folder can be "
                               "read unverified)");
  fs::copy_file(weights_of(20), temporary_ / "model.safetensors");
  verify_weights(temporary_ / "model.safetensors");
  verify_weights(temporary_ / "nothing.safetensors");
}

TEST_F(CheckpointReader, ARunIsItsBestCheckpointElseItsNewest) {
  EXPECT_EQ(chosen(), std::pair(of(20), std::string()));
  fs::remove(folder_ + "/best");
  EXPECT_EQ(chosen(), std::pair(of(30), std::string()));
  fs::create_directory(temporary_ / "empty");
  EXPECT_EQ(find_whole_checkpoint(temporary_ / "empty"), "");
}

TEST_F(CheckpointReader, ADamagedOneIsPassedOverWithAWarning) {
  flip(weights_of(20), 500);
  const auto [folder, warning] = chosen();
  EXPECT_EQ(folder, of(30));
  EXPECT_TRUE(warning.starts_with("warning: " + weights_of(20) + ": got \"")) << warning;
  EXPECT_TRUE(warning.ends_with("\nread instead: " + of(30) + "\n")) << warning;

  fs::remove(of(30) + "/manifest.json");
  EXPECT_EQ(chosen().first, of(10));
  EXPECT_NE(chosen().second.find(of(30) + "/manifest.json: got no such file"), std::string::npos);
}

TEST_F(CheckpointReader, ALinkToNothingIsTold) {
  fs::remove_all(of(20));
  const auto [folder, warning] = chosen();
  EXPECT_EQ(folder, of(30));
  EXPECT_NE(warning.find("best: got a link to step_00000020, which is not there"), std::string::npos) << warning;
  fs::remove(folder_ + "/best");
  fs::create_symlink("best", folder_ + "/best");
  EXPECT_EQ(chosen().first, of(30));
}

TEST_F(CheckpointReader, WhenNoneIsWholeEachReasonIsTold) {
  for (const int64_t step : {10, 20, 30}) fs::remove(of(step) + "/manifest.json");
  const Thrown error = thrown_by([&] { find_whole_checkpoint(folder_); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_TRUE(error.message.starts_with(folder_ + ": got no checkpoint that is whole, want at least one"))
      << error.message;
  for (const int64_t step : {10, 20, 30}) EXPECT_NE(error.message.find(of(step)), std::string::npos) << error.message;
}

TEST_F(CheckpointReader, ReadingLeavesTheRunAsItIs) {
  fs::create_directory(folder_ + "/step_00000040.tmp-999999999");  // of a process that is gone, or in a container
  flip(weights_of(20), 500);
  chosen();
  EXPECT_TRUE(fs::exists(folder_ + "/step_00000040.tmp-999999999"));
  EXPECT_TRUE(fs::exists(weights_of(20)));
}

TEST_F(CheckpointReader, ACheckpointOfANewerFormatIsNoDamage) {
  const std::string manifest = of(20) + "/manifest.json";
  write_file_atomic(manifest, with_format(read_file(manifest, ExitCode::kInternal), 2));
  const Thrown error = thrown_by([&] { find_whole_checkpoint(folder_); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_TRUE(error.message.starts_with(of(20) + "/manifest.json:format: got 2, want 1")) << error.message;
}

TEST_F(CheckpointReader, APlaceThatCannotBeReadIsNoEmptyRun) {
  write_file_atomic(temporary_ / "file", "");
  EXPECT_EQ(thrown_by([&] { find_whole_checkpoint(temporary_ / "file"); }).code, ExitCode::kCheckpoint);
}

}  // namespace
}  // namespace mm
