// init.from: what it may name, and what it says when there is nothing.
#include "train/initial_weights.h"

#include <gtest/gtest.h>

#include <filesystem>

#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

namespace fs = std::filesystem;

TEST(InitialWeights, NothingThereNamesThePlaceAndBothWaysOut) {
  const Thrown error = thrown_by([] { find_weights("weights/./pretrain_512_moe.safetensors"); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_EQ(error.message, "init.from: got weights/./pretrain_512_moe.safetensors, and there is nothing at " +
                               (fs::current_path() / "weights/pretrain_512_moe.safetensors").string() +
                               ", want weights (train from scratch with --set init.from=\"\", or put "
                               "the file there)");
}

TEST(InitialWeights, AnotherKindOfFileAndAnEmptyFolderAreRefused) {
  const TempFolder folder;
  write_file_atomic(folder / "weights.pth", "PK");
  const Thrown file = thrown_by([&] { find_weights(folder / "weights.pth"); });
  EXPECT_EQ(file.code, ExitCode::kCheckpoint);
  EXPECT_EQ(file.message, "init.from: got " + folder / "weights.pth" +
                              ", want a .safetensors file, a checkpoint folder or a run (train from scratch with --set "
                              "init.from=\"\", or convert a .pth file in Python with "
                              "safetensors.torch.save_file(torch.load(path), \"x.safetensors\"))");
  const Thrown empty = thrown_by([&] { find_weights(folder.path()); });
  EXPECT_EQ(empty.code, ExitCode::kCheckpoint);
  EXPECT_EQ(empty.message, "init.from: got " + folder.path() +
                               ", want a folder with model.safetensors or checkpoints/ (train from scratch with --set "
                               "init.from=\"\", or name a run below output/)");
  const Thrown generating = thrown_by([&] { find_weights(folder.path(), "--run"); });
  EXPECT_EQ(generating.message,
            "--run: got " + folder.path() +
                ", want a folder with model.safetensors or checkpoints/ (name a run below output/)");
}

TEST(InitialWeights, ARunACheckpointAndItsFileGiveTheWeightsThatWereSaved) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(moe_settings({"train.steps=2"})));
  run.train();
  const std::string want = bytes_of(run.state.parameters.master());
  const std::string checkpoint = run.store.step_folder(2);
  for (const std::string& from : {folder.path(), checkpoint, checkpoint + "/model.safetensors"}) {
    Parameters parameters(run.config.model, at::kCPU, at::kFloat);
    load_weights(from, /*tied=*/true, parameters);
    EXPECT_EQ(bytes_of(parameters.master()), want) << from;
  }
}

TEST(InitialWeights, ARunMeansItsBestCheckpointThenItsNewest) {
  const TempFolder folder;
  const auto checkpoint_file = [&](int64_t step) {
    TinyRun run(folder.path(), tiny_config());
    return run.store.step_folder(step) + "/model.safetensors";
  };
  TinyRun run(folder.path(), tiny_config({"checkpoint.keep=3"}));
  run.store.save(1, run.state.checkpoint(), /*best=*/false);
  run.store.save(2, run.state.checkpoint(), /*best=*/false);
  EXPECT_EQ(find_weights(folder.path()), checkpoint_file(2));
  run.store.save(3, run.state.checkpoint(), /*best=*/true);
  run.store.save(4, run.state.checkpoint(), /*best=*/false);
  EXPECT_TRUE(fs::equivalent(find_weights(folder.path()), checkpoint_file(3)));
}

TEST(InitialWeights, WeightsOfAnotherShapeAreRefusedAndChangeNothing) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=1"}));
  run.train();
  Parameters wider(tiny_config({"model.intermediate_size=128"}).model, at::kCPU, at::kFloat);
  const Thrown error = thrown_by([&] { load_weights(folder.path(), /*tied=*/true, wider); });
  EXPECT_EQ(error.code, ExitCode::kCheckpoint);
  EXPECT_NE(error.message.find("model.layers.0.mlp.gate_proj.weight is [64, 32], want [128, 32]"), std::string::npos)
      << error.message;
  EXPECT_EQ(wider.master().count_nonzero().item<int64_t>(), 0);
}

}  // namespace
}  // namespace mm
