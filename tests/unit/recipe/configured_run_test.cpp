// init.from: what it may name, what the config may leave to it, and what it brings along.
#include "recipe/configured_run.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>

#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

const std::string kResumeFile = MM_GOLDEN_DATA "/checkpoints/g4b_dense_resume.pth";

ConfiguredRun configured(const std::string& from, std::vector<std::string> settings = {}) {
  settings.push_back("init.from=" + from);
  std::vector<std::string> notes;
  return configure_run("", settings, notes);
}

TEST(InitFrom, ARunACheckpointAndItsFileGiveTheWeightsThatWereSaved) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(moe_settings({"train.steps=2"})));
  run.train();
  const std::string want = bytes_of(run.state.parameters.master());
  const std::string checkpoint = run.store.step_folder(2);
  for (const std::string& from : {folder.path(), checkpoint, checkpoint + "/model.safetensors"}) {
    const ConfiguredRun started = configured(from);
    EXPECT_EQ(started.config.model.moe.n_shared_experts, 1) << "the model section comes from the file";
    Parameters parameters(started.config.model, at::kCPU, at::kFloat);
    copy_weights(*started.weights, started.config.model, parameters);
    EXPECT_EQ(bytes_of(parameters.master()), want) << from;
  }
}

TEST(InitFrom, ARunMeansItsBestCheckpointThenItsNewest) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"checkpoint.keep=3"}));
  const auto file_of = [&](int64_t step) { return run.store.step_folder(step) + "/model.safetensors"; };
  run.store.save(1, run.state.checkpoint(), /*best=*/false);
  run.store.save(2, run.state.checkpoint(), /*best=*/false);
  EXPECT_EQ(configured(folder.path()).weights->file.path, file_of(2));
  run.store.save(3, run.state.checkpoint(), /*best=*/true);
  run.store.save(4, run.state.checkpoint(), /*best=*/false);
  EXPECT_TRUE(fs::equivalent(configured(folder.path()).weights->file.path, file_of(3)));
}

TEST(InitFrom, SettingsThatContradictTheFileAreRefused) {
  const Thrown error = thrown_by([] { configured(kResumeFile, {"model.intermediate_size=128"}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_NE(error.message.find("model.intermediate_size: got 128 in --set, want 256, as the tensors of the file say"),
            std::string::npos)
      << error.message;
}

TEST(InitFrom, NothingThereIsLeftToTheStartOfTheRun) {
  EXPECT_FALSE(configured("none/pretrain_512_moe.pth").weights);
  const Thrown error = thrown_by([] { open_initial_weights({.from = "none/pretrain_512_moe.pth"}); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
}

TEST(InitFrom, ATrainingStateBringsMomentsStepAndPlaceWhenAskedTo) {
  const TempFolder folder;
  const auto started = [&](const std::string& optimizer) {
    const ConfiguredRun start = configured(kResumeFile, {"init.optimizer=" + optimizer, "data.sequence_length=32",
                                                         "train.micro_batch=2", "data.validation_fraction=0"});
    auto run = std::make_unique<TinyRun>(folder.path(), start.config);
    run->state.start_from(*start.weights, start.config);
    return run;
  };
  const auto whole = started("true"), weights_alone = started("false");
  EXPECT_EQ(bytes_of(whole->state.parameters.master()), bytes_of(weights_alone->state.parameters.master()));
  EXPECT_EQ(weights_alone->state.step, 0);
  EXPECT_EQ(whole->state.step, 3);
  EXPECT_EQ(state_of(whole->state, "updates").item<double>(), 3);
  EXPECT_EQ(whole->state.loader.position(), 3 * 2);

  const Weights file = open_initial_weights({.from = kResumeFile});
  const std::map<std::string, at::Tensor> moments(file.training->second_moments.begin(),
                                                  file.training->second_moments.end());
  for (const auto& [name, moment] : whole->state.parameters.named(state_of(whole->state, "exp_avg_sq"))) {
    EXPECT_TRUE(moment.equal(moments.at(name))) << name;
  }
}

TEST(InitFrom, MomentsThatTheFileDoesNotHaveAreAskedForInVain) {
  const TempFolder folder;
  const ConfiguredRun start =
      configured(MM_GOLDEN_DATA "/checkpoints/g4b_dense_dict_fp16.pth",
                 {"init.optimizer=true", "data.sequence_length=32", "data.validation_fraction=0"});
  TinyRun run(folder.path(), start.config);
  const Thrown error = thrown_by([&] { run.state.start_from(*start.weights, start.config); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_NE(error.message.find("which has no optimizer state, want a _resume.pth"), std::string::npos) << error.message;
}

}  // namespace
}  // namespace mm
