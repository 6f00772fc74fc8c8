// A checkpoint is everything: a fresh state that restores it cannot be told from the one that saved it.
#include "train/train_state.h"

#include <gtest/gtest.h>

#include "core/hash.h"
#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// Trains three steps and saves; a fresh state in the same folder must be byte for byte the same.
void expect_round_trip(const std::vector<std::string>& settings) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings));
  run.train();
  EXPECT_EQ(run.state.step, run.config.train.steps);
  const TinyRun again(folder.path(), run.config);
  EXPECT_EQ(bytes_of(again.state), bytes_of(run.state));
}

TEST(TrainState, ADenseStateSurvivesACheckpointByteForByte) {
  expect_round_trip({"train.steps=3", "evaluation.every=2"});
}

TEST(TrainState, AMixtureInFp16SurvivesWithItsLossScale) {
  expect_round_trip(moe_settings({"train.steps=3", "train.precision=fp16"}));
}

TEST(TrainState, AMixtureSurvivesWithTheStateOfEachOptimizer) {
  for (const char* type : {"optim.type=muon", "optim.type=normuon"}) {
    expect_round_trip(moe_settings({"train.steps=3", type}));
  }
}

TEST(TrainState, RouterBiasesAndLoadsSurvive) {
  for (const char* balance : {"model.balance=bias", "model.balance=quantile"}) {
    expect_round_trip(moe_settings({"train.steps=3", "model.aux_loss=step", balance}));
  }
}

TEST(TrainState, TheLoadOfTheLastStepGoesOnlyFromOneStepLossToAnother) {
  const TempFolder folder;
  const auto saved = [&](const std::string& aux_loss) {
    TinyRun run(folder / aux_loss, tiny_config(moe_settings({"train.steps=2", "model.aux_loss=" + aux_loss})));
    run.train();
    return LoadedCheckpoint{2, "step_2", run.state.checkpoint()};
  };
  TinyRun run(folder / "a", tiny_config(moe_settings({"model.aux_loss=step"})));
  const at::Tensor& load = run.state.parameters.router_state().load_le;
  run.state.restore(saved("token"));
  EXPECT_TRUE(load.eq(0.25).all().item<bool>());
  run.state.restore(saved("step"));
  EXPECT_FALSE(load.eq(0.25).all().item<bool>());
  TinyRun other(folder / "b", tiny_config(moe_settings()));
  EXPECT_NO_THROW(other.state.restore(saved("step")));
}

TEST(TrainState, ALossScaleGoesOnlyFromFp16ToFp16) {
  const TempFolder folder;
  const auto saved = [&](const std::string& precision, double scale) {
    TinyRun run(folder / precision, tiny_config({"train.precision=" + precision}));
    if (run.state.scaler.enabled()) run.state.scaler.scale().fill_(scale);
    return LoadedCheckpoint{0, "step_0", run.state.checkpoint()};
  };
  TinyRun fp16(folder / "a", tiny_config({"train.precision=fp16"}));
  fp16.state.restore(saved("fp32", 1));
  EXPECT_EQ(fp16.state.scaler.scale().item<double>(), 65536);
  fp16.state.restore(saved("fp16", 128));
  EXPECT_EQ(fp16.state.scaler.scale().item<double>(), 128);
  TinyRun fp32(folder / "b", tiny_config({"train.precision=fp32"}));
  fp32.state.restore(saved("fp16", 128));
  EXPECT_EQ(fp32.state.scaler.scale().item<double>(), 1);
}

TEST(TrainState, ARestoredStateTakesTheSameNextStep) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(moe_settings({"train.steps=2"})));
  run.train();
  const RunConfig longer = tiny_config(moe_settings({"train.steps=3"}));
  run.config = longer;
  TinyRun resumed(folder.path(), longer);
  run.train();
  resumed.train();
  EXPECT_EQ(resumed.records->steps.back().loss, run.records->steps.back().loss);
  EXPECT_EQ(bytes_of(resumed.state), bytes_of(run.state));
}

TEST(TrainState, ALossThatWasNeverMeasuredIsNullInTheFile) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config());
  std::string state = run.state.checkpoint().state_json;
  const size_t alarms = state.find("  \"alarms\""), behind = state.find("  \"revived\"");
  ASSERT_LT(alarms, behind);
  state.erase(alarms, behind - alarms);
  EXPECT_EQ(state,
            "{\n"
            "  \"version\": 1,\n"
            "  \"step\": 0,\n"
            "  \"tokens_total\": 0,\n"
            "  \"data_position\": 0,\n"
            "  \"data_fingerprint\": \"" +
                hex64(run.data.train->fingerprint()) +
                "\",\n"
                "  \"revived\": [],\n"
                "  \"best_loss\": null,\n"
                "  \"best_saved_loss\": null,\n"
                "  \"best_saved_step\": -1,\n"
                "  \"validation_fingerprint\": \"0000000000000000\",\n"
                "  \"skipped_in_a_row\": 0,\n"
                "  \"duties_done\": -1\n"
                "}\n");
}

TEST(TrainState, OtherDataThanBeforeIsRefused) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config());
  const LoadedCheckpoint saved = {6, "output/a/checkpoints/step_6", run.state.checkpoint()};
  TinyRun other(folder / "other", tiny_config(), sentences(61));
  const Thrown error = thrown_by([&] { other.state.restore(saved); });
  EXPECT_EQ(error.code, ExitCode::kData);
  EXPECT_EQ(error.message,
            "data.train: got other text or tokens than output/a/checkpoints/step_6 was trained on, want the files as "
            "they were (restore them, or start another run with --set run.name=<name> --set "
            "init.from=output/a/checkpoints/step_6)");
}

TEST(TrainState, AnotherModelsCheckpointAndABrokenStateAreRefused) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config());
  const Checkpoint checkpoint = run.state.checkpoint();
  TinyRun other(folder.path(), tiny_config({"model.hidden_size=64"}));
  EXPECT_EQ(thrown_by([&] { other.state.restore({1, "step_1", checkpoint}); }).code, ExitCode::kCheckpoint);

  for (const std::string state : {"{\"step\": 1}", "{", "[]", "{\"step\": \"one\"}"}) {
    const LoadedCheckpoint broken = {1, "step_1", {checkpoint.model, checkpoint.optimizer, state}};
    const Thrown error = thrown_by([&] { run.state.restore(broken); });
    EXPECT_EQ(error.code, ExitCode::kCheckpoint) << state;
    EXPECT_TRUE(error.message.starts_with("step_1/state.json: got ")) << error.message;
  }
}

}  // namespace
}  // namespace mm
