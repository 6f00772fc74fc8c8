// train.steps, train.epochs and train.tokens, each the length of a run.
#include "recipe/run_length.h"

#include <gtest/gtest.h>

#include "core/files/files.h"
#include "recipe/resume/rate_change.h"
#include "recipe/run_config.h"
#include "tests/unit/core/temp_folder.h"
#include "tests/unit/core/thrown.h"

namespace mm {
namespace {

RunConfig load(const std::vector<std::string>& overrides, const std::string& path = "") {
  std::vector<std::string> notes;
  return load_run_config(path, overrides, notes);
}

const std::vector<std::string> kSmallSteps = {"train.micro_batch=4", "train.accumulation=2", "data.sequence_length=64"};

std::vector<std::string> with(std::vector<std::string> settings) {
  settings.insert(settings.begin(), kSmallSteps.begin(), kSmallSteps.end());
  return settings;
}

TEST(RunLength, TokensAreRoundedUpToSteps) {
  EXPECT_EQ(load(with({"train.tokens=512"})).train.steps, 1);
  EXPECT_EQ(load(with({"train.tokens=513"})).train.steps, 2);
  EXPECT_EQ(load(with({"train.tokens=500M"})).train.steps, 976'563);
  EXPECT_EQ(load(with({"train.steps=2k"})).train.steps, 2000);
  EXPECT_EQ(load({}).train.steps, 1000);
}

TEST(RunLength, EpochsWaitForTheText) {
  RunConfig config = load(with({"train.epochs=2"}));
  EXPECT_EQ(config.train.steps, std::nullopt);
  resolve_epochs(config, /*windows=*/100, 0, 0);
  EXPECT_EQ(config.train.steps, 25);
  resolve_epochs(config, /*windows=*/101, 0, 0);
  EXPECT_EQ(config.train.steps, 26);
  EXPECT_EQ(describe_length(config, 101, 0, 0), "26 steps are 2.06 epochs, 13,312 tokens");
}

TEST(RunLength, ABatchThatGrewUnderWayMakesFewerSteps) {
  RunConfig config = load({"train.micro_batch=8", "data.sequence_length=64", "train.epochs=2"});
  // Ten steps of four sequences, and 160 sequences to come, eight at a time.
  resolve_epochs(config, /*windows=*/100, /*step=*/10, /*position=*/40);
  EXPECT_EQ(config.train.steps, 30);
  EXPECT_EQ(describe_length(config, 100, 10, 40), "30 steps are 2.00 epochs, 12,800 tokens");
}

TEST(RunLength, TheCommandLinesLengthReplacesThatOfTheFile) {
  const TempFolder folder;
  const std::string path = folder / "a.json";
  write_file_atomic(path, R"({"train": {"steps": 300, "micro_batch": 4}})");
  EXPECT_EQ(load({"train.epochs=0.5"}, path).train.steps, std::nullopt);
  EXPECT_EQ(load({}, path).train.steps, 300);
  EXPECT_EQ(load({"train.tokens=2048", "data.sequence_length=512"}, path).train.steps, 1);
}

TEST(RunLength, TwoLengthsInOnePlaceAreRefused) {
  EXPECT_EQ(thrown_by([] {
              load({"train.steps=5", "train.epochs=2"});
            }).message,
            "--set:train.epochs: got it beside train.steps, want one of them (each is the length of the whole run)");
}

TEST(RunLength, TheResolvedConfigKeepsWhatWasSaid) {
  const TempFolder folder;
  const std::string path = folder / "a.json";
  for (const char* length : {"train.tokens=1M", "train.epochs=2", "train.steps=7"}) {
    RunConfig config = load({length});
    resolve_epochs(config, 100, 0, 0);
    const std::string text = run_config_text(config);
    write_file_atomic(path, text);
    EXPECT_EQ(run_config_text(load({}, path)), text);
  }
}

TEST(RunLength, AReplayHasWholeEpochs) {
  const std::vector<std::string> replay = {"compat.trainer=g4", "data.train=a.jsonl"};
  const auto loaded = [&](const std::string& setting) { return load({replay[0], replay[1], setting}); };
  EXPECT_EQ(loaded("train.epochs=3").compat.epochs, 3);
  EXPECT_EQ(thrown_by([&] { loaded("train.epochs=1.5"); }).code, ExitCode::kConfig);
  EXPECT_EQ(thrown_by([&] { loaded("train.tokens=1M"); }).code, ExitCode::kConfig);
  EXPECT_EQ(thrown_by([] { load({"compat.epochs=2"}); }).message,
            "--set:compat.epochs: got 2 without compat.trainer, want train.epochs (compat is for repeating MiniMind's "
            "own trainer)");
}

TEST(RunLength, AWarmUpLongerThanTheRunIsSaid) {
  std::vector<std::string> notes;
  const RunConfig config = load_run_config("", {"train.steps=20", "schedule.warmup_steps=100"}, notes);
  EXPECT_EQ(notes, (std::vector<std::string>{
                       "schedule.warmup_steps is 100 and the run has 20 steps: its learning rate rises all the way"}));
  EXPECT_EQ(config.schedule.warmup_steps, 100) << "a longer run has all of it";
}

TEST(RateChange, ExtendingADecayedRunNamesBothRates) {
  const RunConfig before = load({"train.steps=20", "optim.learning_rate=0.001"});
  const RunConfig now = load({"train.steps=40", "optim.learning_rate=0.001"});
  const std::string text = explain_rate_change(before, now, 20);
  EXPECT_TRUE(
      text.starts_with("the learning rate goes from 1.06e-04 at step 20 to 5.50e-04 at step 21: cosine over 20 "
                       "steps before, cosine over 40 steps now\n  remedy: "))
      << text;
  EXPECT_NE(text.find("With schedule.type=wsd it would have stayed at 1.00e-03 up to step 16 of 20"), std::string::npos)
      << text;
}

TEST(RateChange, ARunThatGoesOnAsItWasIsNoNews) {
  const RunConfig cosine = load({"train.steps=20", "schedule.warmup_steps=5"});
  for (int64_t step = 1; step < 20; ++step) EXPECT_EQ(explain_rate_change(cosine, cosine, step), "") << step;
  const RunConfig constant = load({"train.steps=20", "schedule.type=constant"});
  EXPECT_EQ(explain_rate_change(constant, load({"train.steps=40", "schedule.type=constant"}), 20), "");
}

}  // namespace
}  // namespace mm
