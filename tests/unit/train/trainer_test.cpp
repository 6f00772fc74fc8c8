// The loop: it learns, it counts exactly, and a step that is not finite changes nothing.
#include "train/trainer.h"

#include <ATen/ops/allclose.h>
#include <ATen/ops/equal.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <limits>

#include "core/files/files.h"
#include "core/process/stop_signal.h"
#include "core/random.h"
#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// Loss of the last of 150 steps on one batch of 128 tokens that hardly repeats itself.
double overfitted_loss(std::vector<std::string> settings) {
  std::string text;
  RandomStream random(1, "text");
  while (text.size() < 127) text += static_cast<char>('a' + random.below(26));
  settings.insert(settings.end(), {"data.validation_fraction=0", "train.steps=150", "schedule.warmup_steps=10"});
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings), {text});
  EXPECT_EQ(run.data.train->windows(), run.config.train.micro_batch);
  EXPECT_EQ(run.train(), ExitCode::kFinished);
  return run.records->steps.back().loss;
}

TEST(Trainer, OneBatchIsLearntByHeartByADenseModel) {
  EXPECT_LT(overfitted_loss({}), 0.1);
}

TEST(Trainer, OneBatchIsLearntByHeartByAMixture) {
  EXPECT_LT(overfitted_loss(moe_settings()), 0.1);
}

TEST(Trainer, OneBatchIsLearntByHeartWithEachOptimizer) {
  EXPECT_LT(overfitted_loss(moe_settings({"optim.type=muon"})), 0.1);
  EXPECT_LT(overfitted_loss(moe_settings({"optim.type=normuon"})), 0.1);
}

/// The records of a run, and the state that it left.
struct OneStep {
  StepRecord record;
  at::Tensor first_moment;  ///< of AdamW
  at::Tensor momentum;      ///< of Muon
};

OneStep one_step(std::vector<std::string> settings) {
  settings.push_back("train.steps=1");
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings));
  run.train();
  return {run.records->steps.at(0), state_of(run.state, "exp_avg").clone(), state_of(run.state, "momentum_buffer")};
}

TEST(Trainer, EightMicroBatchesOfOneEqualOneOfEight) {
  // Balancing losses are means over a micro-batch, which are not additive: left out.
  const auto settings = [](const char* micro_batch, const char* accumulation) {
    return moe_settings({"model.aux_loss=none", micro_batch, accumulation});
  };
  const OneStep whole = one_step(settings("train.micro_batch=8", "train.accumulation=1"));
  const OneStep parts = one_step(settings("train.micro_batch=1", "train.accumulation=8"));
  EXPECT_NEAR(parts.record.loss, whole.record.loss, 1e-5);
  EXPECT_NEAR(parts.record.grad_norm, whole.record.grad_norm, 1e-5 * whole.record.grad_norm);
  EXPECT_TRUE(parts.first_moment.allclose(whole.first_moment, /*rtol=*/1e-3, /*atol=*/1e-7));
  EXPECT_EQ(parts.record.load.tokens, whole.record.load.tokens);
  EXPECT_EQ(parts.record.tokens, whole.record.tokens);
}

TEST(Trainer, MuonSeesTheSumOfAllMicroBatches) {
  const auto settings = [](const char* micro_batch, const char* accumulation) {
    return moe_settings({"model.aux_loss=none", "optim.type=muon", micro_batch, accumulation});
  };
  const OneStep whole = one_step(settings("train.micro_batch=8", "train.accumulation=1"));
  const OneStep parts = one_step(settings("train.micro_batch=1", "train.accumulation=8"));
  EXPECT_TRUE(parts.momentum.allclose(whole.momentum, /*rtol=*/1e-3, /*atol=*/1e-7));
}

TEST(Trainer, BalanceOfAStepDoesNotDependOnHowItIsCutIntoMicroBatches) {
  for (const char* balance : {"model.balance=bias", "model.balance=quantile"}) {
    SCOPED_TRACE(balance);
    const TempFolder folder;
    const auto after_three_steps = [&](const char* name, const char* micro_batch, const char* accumulation) {
      // Weights stand still, so that rounding cannot grow; balance goes on.
      const std::vector<std::string> settings =
          moe_settings({"train.steps=3", "optim.learning_rate=0", "model.aux_loss=step",
                        "model.router_aux_loss_coef=10", balance, micro_batch, accumulation});
      auto run = std::make_unique<TinyRun>(folder / name, tiny_config(settings));
      run->train();
      return run;
    };
    const auto whole = after_three_steps("whole", "train.micro_batch=8", "train.accumulation=1");
    const auto parts = after_three_steps("parts", "train.micro_batch=1", "train.accumulation=8");
    for (size_t step = 0; step < 3; ++step) {
      EXPECT_EQ(parts->records->steps[step].load.tokens, whole->records->steps[step].load.tokens);
      EXPECT_NEAR(parts->records->steps[step].aux_loss, whole->records->steps[step].aux_loss, 1e-5);
    }
    EXPECT_TRUE(state_of(parts->state, "exp_avg").allclose(state_of(whole->state, "exp_avg"), 1e-3, 1e-7));
    const RouterState &router = parts->state.parameters.router_state(), &same = whole->state.parameters.router_state();
    EXPECT_TRUE(at::equal(router.load_le, same.load_le));
    EXPECT_TRUE(at::allclose(router.bias_le, same.bias_le, 1e-3, 1e-5));
    EXPECT_GT(same.bias_le.abs().max().item<float>(), 0.0f);
  }
}

TEST(Trainer, PairsBeyondTheCapacityAreCounted) {
  const StepRecord roomy = one_step(moe_settings({"model.capacity_factor=4"})).record;
  EXPECT_EQ(roomy.dropped_tokens, 0);
  const StepRecord tight = one_step(moe_settings({"model.capacity_factor=0.5", "train.accumulation=2"})).record;
  // Half of the pairs find room at most.
  EXPECT_GE(tight.dropped_tokens, 2 * 2 * tight.tokens / 2);
  EXPECT_LT(tight.dropped_tokens, 2 * 2 * tight.tokens);
}

TEST(Trainer, EveryTokenOfAStepIsCountedOnceForEachOfItsExperts) {
  const StepRecord record = one_step(moe_settings({"train.accumulation=3"})).record;
  EXPECT_EQ(record.tokens, 3 * 4 * 32);
  for (int64_t layer = 0; layer < 2; ++layer) {
    int64_t sum = 0;
    for (int64_t expert = 0; expert < 4; ++expert) sum += record.load.at(layer, expert);
    EXPECT_EQ(sum, 2 * record.tokens);
  }
}

TEST(Trainer, GradientsAreClippedToTheirNorm) {
  const auto moment_norm = [](const char* setting) {
    const OneStep step = one_step({"optim.beta1=0.9", setting});
    EXPECT_GT(step.record.grad_norm, 0.5);
    return std::pair{step.first_moment.norm().item<double>() / 0.1, step.record.grad_norm};
  };
  // After one step the first moment is (1 - beta1) times the gradient that the optimizer saw.
  const auto [clipped, norm_of_clipped] = moment_norm("optim.max_grad_norm=0.01");
  EXPECT_NEAR(clipped, 0.01, 1e-5);
  const auto [whole, norm] = moment_norm("optim.max_grad_norm=0");
  EXPECT_NEAR(whole, norm, 1e-5 * norm);
  EXPECT_EQ(norm_of_clipped, norm);
  EXPECT_NEAR(moment_norm("optim.max_grad_norm=1000").first, norm, 1e-5 * norm);
}

TEST(Trainer, AStepThatIsNotFiniteChangesNothing) {
  for (const std::string type : {"adamw", "muon", "normuon"}) {
    SCOPED_TRACE(type);
    const TempFolder folder;
    TinyRun run(folder.path(), tiny_config(moe_settings({"train.steps=3", "model.balance=bias", "model.aux_loss=step",
                                                         "optim.type=" + type})));
    run.train();
    run.state.parameters.master()[5] = std::numeric_limits<float>::quiet_NaN();
    run.config.train.steps = 4;
    const auto before = bytes_of(run.state);
    EXPECT_EQ(thrown_by([&] { run.train(); }).code, ExitCode::kDiverged);  // such weights are not saved
    EXPECT_EQ(run.store.steps(), std::vector<int64_t>{3});
    const StepRecord& record = run.records->steps.back();
    EXPECT_TRUE(record.skipped);
    EXPECT_EQ(record.step, 4);
    const auto after = bytes_of(run.state);
    // The step itself goes by, with its data; everything else stays.
    EXPECT_EQ(run.state.step, 4);
    EXPECT_EQ(run.state.loader.position(), 4 * 4);
    EXPECT_EQ(std::vector(after.begin(), after.end() - kCountedAnyway),
              std::vector(before.begin(), before.end() - kCountedAnyway));
    EXPECT_EQ(state_of(run.state, "updates").item<float>(), 3);
  }
}

TEST(Trainer, TwentySkippedStepsInARowEndTheRunAndLeaveTheLastCheckpoint) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=2"}));
  run.train();
  const std::string weights = bytes_of(run.state.parameters.master());
  run.state.parameters.master()[5] = std::numeric_limits<float>::quiet_NaN();
  run.config.train.steps = 100;
  const Thrown error = thrown_by([&] { run.train(); });
  EXPECT_EQ(error.code, ExitCode::kDiverged);
  EXPECT_EQ(error.message,
            "step 22: got 20 steps in a row that were not finite, want finite losses and gradients (lower "
            "optim.learning_rate or raise schedule.warmup_steps; the last checkpoint is as it was)");
  EXPECT_EQ(run.store.steps(), std::vector<int64_t>{2});
  EXPECT_EQ(bytes_of(TinyRun(folder.path(), run.config).state.parameters.master()), weights);
}

TEST(Trainer, SkippedStepsAreCountedAcrossRestarts) {
  const TempFolder folder;
  // Gradients overflow in every step, and the weights stay as they are.
  const auto run_to = [&](int64_t step) {
    TinyRun run(folder.path(),
                tiny_config({"train.precision=fp16", "train.steps=100", "train.stop_after=" + std::to_string(step)}));
    run.state.scaler.scale().fill_(std::exp2(120));
    return run.train();
  };
  EXPECT_EQ(run_to(12), ExitCode::kStopped);
  EXPECT_EQ(thrown_by([&] { run_to(30); }).code, ExitCode::kDiverged);
  EXPECT_EQ(CheckpointStore(folder.path() + "/checkpoints", 1).load_newest()->step, 12);
}

/// Whether the mean loss of the last five of 25 steps is clearly below the first loss.
void expect_learning(const std::vector<std::string>& settings) {
  const TempFolder folder;
  RunConfig config = tiny_config(settings);
  config.train.steps = 25;
  TinyRun run(folder.path(), config);
  run.train();
  double last = 0;
  for (size_t i = 20; i < 25; ++i) last += run.records->steps[i].loss / 5;
  EXPECT_LT(last, run.records->steps[0].loss - 1);
  EXPECT_FALSE(run.records->steps.back().skipped);
}

TEST(Trainer, LearnsInBf16) {
  expect_learning(moe_settings({"train.precision=bf16"}));
}

TEST(Trainer, LearnsInFp16WithALossScale) {
  expect_learning(moe_settings({"train.precision=fp16"}));
}

TEST(Trainer, ALossScaleThatIsTooLargeIsHalvedUntilStepsAreFinite) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.precision=fp16", "train.steps=15"}));
  run.state.scaler.scale().fill_(std::exp2(28));
  run.train();
  const std::vector<StepRecord>& steps = run.records->steps;
  EXPECT_TRUE(steps[0].skipped);
  for (size_t i = 1; i < steps.size(); ++i) {
    EXPECT_EQ(steps[i].loss_scale, steps[i - 1].loss_scale / (steps[i - 1].skipped ? 2 : 1));
  }
  EXPECT_FALSE(steps.back().skipped);
}

/// Six steps in one go and in twice three must not differ in a bit.
void expect_resumable(std::vector<std::string> settings) {
  settings.insert(settings.end(), {"train.steps=6", "train.accumulation=2", "evaluation.every=2", "sample.every=3"});
  const TempFolder folder;
  TinyRun whole(folder / "whole", tiny_config(settings));
  EXPECT_EQ(whole.train(), ExitCode::kFinished);

  settings.push_back("train.stop_after=3");
  TinyRun first(folder / "parts", tiny_config(settings));
  EXPECT_EQ(first.train(), ExitCode::kStopped);
  EXPECT_EQ(first.state.step, 3);
  settings.back() = "train.stop_after=0";
  TinyRun second(folder / "parts", tiny_config(settings));
  EXPECT_EQ(second.train(), ExitCode::kFinished);

  EXPECT_EQ(bytes_of(second.state), bytes_of(whole.state));
  for (size_t i = 0; i < 6; ++i) {
    const StepRecord& parts = i < 3 ? first.records->steps[i] : second.records->steps[i - 3];
    EXPECT_EQ(parts.loss, whole.records->steps[i].loss);
    EXPECT_EQ(parts.grad_norm, whole.records->steps[i].grad_norm);
  }
  EXPECT_EQ(second.records->samples.back().text, whole.records->samples.back().text);
  EXPECT_EQ(second.records->evaluations.back().loss, whole.records->evaluations.back().loss);
}

TEST(Trainer, AStoppedRunWithDropoutGoesOnAsIfItHadNot) {
  expect_resumable(moe_settings({"model.dropout=0.2"}));
}

TEST(Trainer, AStoppedRunWithEveryOptionOfARouterGoesOnAsIfItHadNot) {
  expect_resumable(moe_settings({"model.router_jitter=0.1", "model.router_hidden_size=16", "model.scoring_func=sigmoid",
                                 "model.balance=quantile", "model.aux_loss=step", "model.capacity_factor=1.25",
                                 "model.shared_expert_gate=true", "model.shared_expert_intermediate_size=16"}));
  expect_resumable(moe_settings({"model.router_jitter=0.1", "model.balance=bias", "model.scoring_func=sqrtsoftplus",
                                 "model.n_group=2", "model.topk_group=1"}));
  expect_resumable(
      moe_settings({"model.first_k_dense_replace=1", "model.balance=bias", "model.aux_loss=step", "optim.type=muon"}));
}

TEST(Trainer, PeriodsAndTheLastStepAreKept) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=7", "evaluation.every=3", "sample.every=5", "checkpoint.every=4",
                                          "checkpoint.keep=5", "checkpoint.best=false", "sample.prompts=[\"a\", \"b\"]",
                                          "sample.max_new_tokens=2"}));
  run.train();
  std::vector<int64_t> evaluations, samples;
  for (const EvaluationRecord& record : run.records->evaluations) evaluations.push_back(record.step);
  for (const SampleRecord& record : run.records->samples) samples.push_back(record.step);
  EXPECT_EQ(evaluations, (std::vector<int64_t>{3, 6, 7}));
  EXPECT_EQ(samples, (std::vector<int64_t>{5, 5, 7, 7}));
  EXPECT_EQ(run.store.steps(), (std::vector<int64_t>{4, 7}));
}

TEST(Trainer, TheLowestValidationLossIsKeptWhereverItIsMeasured) {
  const TempFolder folder;
  TinyRun run(folder.path(),
              tiny_config({"train.steps=7", "evaluation.every=2", "checkpoint.every=100", "checkpoint.keep=9"}));
  run.train();
  std::vector<int64_t> kept = {7};
  for (const EvaluationRecord& record : run.records->evaluations) {
    if (record.best && record.step < 7) kept.push_back(record.step);
  }
  std::sort(kept.begin(), kept.end());
  EXPECT_GT(kept.size(), 2u);
  EXPECT_EQ(run.store.steps(), kept);
  EXPECT_EQ(run.store.best(), run.state.best_saved_step);
  EXPECT_EQ(run.state.best_saved_loss, run.state.best_loss);
}

TEST(Trainer, ACheckpointThatIsWrittenInTheBackgroundHasTheStateOfItsStep) {
  const TempFolder folder;
  const auto settings = [](const char* background) {
    return tiny_config(moe_settings({"train.steps=6", "checkpoint.every=1", "checkpoint.keep=9", "model.balance=bias",
                                     "evaluation.every=2", background}));
  };
  TinyRun beside(folder / "beside", settings("checkpoint.background=true"));
  TinyRun between(folder / "between", settings("checkpoint.background=false"));
  beside.train();
  between.train();
  ASSERT_EQ(beside.store.steps(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
  for (const int64_t step : between.store.steps()) {
    for (const char* file : {"/model.safetensors", "/optimizer.safetensors", "/state.json"}) {
      EXPECT_TRUE(read_file(beside.store.step_folder(step) + file, ExitCode::kInternal) ==
                  read_file(between.store.step_folder(step) + file, ExitCode::kInternal))
          << step << file;
    }
  }
  EXPECT_EQ(beside.store.best(), between.store.best());
}

TEST(Trainer, ACheckpointThatCannotBeWrittenIsTriedAgainAndTheLastOneMustBe) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=6", "checkpoint.every=2", "checkpoint.keep=9"}));
  write_file_atomic(folder / "checkpoints", "no folder");
  EXPECT_EQ(thrown_by([&] { run.train(); }).code, ExitCode::kStorage);
  EXPECT_EQ(run.state.step, 6);
  EXPECT_EQ(run.records->steps.size(), 6u);
  EXPECT_EQ(run.records->saves.size(), 0u);
}

TEST(Trainer, ASignalAsksForACheckpoint) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=3"}));
  install_signal_handlers();
  ::raise(SIGUSR1);
  run.train();
  EXPECT_EQ(run.store.steps(), (std::vector<int64_t>{1, 3}));
}

TEST(Trainer, TheLearningRateOfEveryStepIsTheSchedules) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config({"train.steps=4", "schedule.type=constant", "schedule.warmup_steps=2"}));
  run.train();
  std::vector<double> rates;
  for (const StepRecord& record : run.records->steps) rates.push_back(record.learning_rate);
  EXPECT_EQ(rates, (std::vector<double>{0.005, 0.01, 0.01, 0.01}));
}

}  // namespace
}  // namespace mm
