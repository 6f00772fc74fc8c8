// The average of the weights in a run: beside it and exact, and without a trace in it.
#include <gtest/gtest.h>

#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

const std::vector<std::string> kAverage = {"average.decay=0.8", "average.from=0.4", "evaluation.every=2",
                                           "train.steps=10", "checkpoint.every=5"};

std::vector<std::string> with(std::vector<std::string> settings, const std::vector<std::string>& more) {
  settings.insert(settings.end(), more.begin(), more.end());
  return settings;
}

TEST(Average, ChangesNothingOfTheRunAndIsValidatedBesideItFromWhereItBegins) {
  for (const std::vector<std::string>& model : {std::vector<std::string>(), moe_settings({"model.balance=bias"})}) {
    const TempFolder folder;
    TinyRun averaged(folder / "averaged", tiny_config(with(kAverage, model)));
    TinyRun plain(folder / "plain", tiny_config(with(with(kAverage, model), {"average.decay=0"})));
    EXPECT_EQ(averaged.train(), ExitCode::kFinished);
    EXPECT_EQ(plain.train(), ExitCode::kFinished);
    EXPECT_EQ(bytes_of(averaged.state), bytes_of(plain.state));
    ASSERT_EQ(averaged.records->evaluations.size(), 5U);
    for (size_t i = 0; i < 5; ++i) {
      const EvaluationRecord &record = averaged.records->evaluations[i], &other = plain.records->evaluations[i];
      EXPECT_EQ(record.loss, other.loss);
      EXPECT_EQ(record.best, other.best);
      EXPECT_EQ(other.average_loss, 0);
      EXPECT_EQ(record.average_loss > 0, record.step > 4) << record.step;
      if (record.step > 5) {
        EXPECT_NE(record.average_loss, record.loss);
      }
    }
    EXPECT_TRUE(plain.store.load(10).average.empty());
    EXPECT_EQ(averaged.store.load(10).average.size(), averaged.store.load(10).model.size());
  }
}

TEST(Average, IsTheLossOfTheModelInItsFile) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(kAverage));
  run.train();
  const double told = run.records->evaluations.back().average_loss;
  // A run from the averaged weights whose first step changes nothing has them when it evaluates.
  TinyRun of_average(folder / "other", tiny_config({"optim.learning_rate=0", "train.steps=1", "evaluation.every=1",
                                                    "checkpoint.every=0"}));
  for (const auto& [name, values] : run.store.load(10).average) {
    for (const auto& [own_name, own] : of_average.state.parameters.tensors()) {
      if (own_name == name) own.copy_(values);
    }
  }
  of_average.train();
  EXPECT_NEAR(of_average.records->evaluations.back().loss, told, 1e-6);
}

TEST(Average, GoesOnToTheSameBytes) {
  const std::vector<std::string> settings = with(kAverage, moe_settings({"model.balance=bias"}));
  const TempFolder folder;
  TinyRun whole(folder / "whole", tiny_config(settings));
  whole.train();
  for (const char* stop : {"train.stop_after=3", "train.stop_after=7", "train.stop_after=0"}) {
    TinyRun part(folder / "parts", tiny_config(with(settings, {stop})));
    EXPECT_EQ(part.state.average->has_begun(), part.state.step > 4);
    part.train();
  }
  const Checkpoint one = whole.store.load(10);
  const Checkpoint other = CheckpointStore(folder / "parts/checkpoints", 3).load(10);
  EXPECT_EQ(one.state_json, other.state_json);
  for (const NamedTensors Checkpoint::*tensors : {&Checkpoint::model, &Checkpoint::average}) {
    ASSERT_EQ((one.*tensors).size(), (other.*tensors).size());
    for (size_t i = 0; i < (one.*tensors).size(); ++i) {
      EXPECT_EQ(bytes_of((one.*tensors)[i].second), bytes_of((other.*tensors)[i].second)) << (one.*tensors)[i].first;
    }
  }
}

TEST(Average, OfARunThatIsMadeLongerGoesOn) {
  const TempFolder folder;
  TinyRun(folder.path(), tiny_config(kAverage)).train();
  TinyRun longer(folder.path(), tiny_config(with(kAverage, {"train.steps=100", "train.stop_after=12"})));
  EXPECT_TRUE(longer.state.average->has_begun());
  EXPECT_EQ(longer.train(), ExitCode::kStopped);
  EXPECT_GT(longer.records->evaluations.back().average_loss, 0);
}

}  // namespace
}  // namespace mm
