// Steps that go wrong are left out, gone back from or stopped at; a run in which none does is not changed by a bit.
#include "train/spikes.h"

#include <ATen/ops/randn_like.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// The steps of a run, and something that happens before one of them or before several on end.
class Disturbed final : public StepSource {
 public:
  Disturbed(TinyRun& run, int64_t at, int64_t times, std::function<void(Batch&)> disturb)
      : steps_(run.config, run.state.loader), next_(at), end_(at + times), disturb_(std::move(disturb)) {}

  int64_t total_steps() const override { return steps_.total_steps(); }
  StepPlan plan(int64_t step) const override { return steps_.plan(step); }
  Batch batch(int64_t step, int64_t micro_batch) override {
    Batch batch = steps_.batch(step, micro_batch);
    // Once: a run that goes back comes by again, with other text.
    if (step == next_ && next_ < end_) {
      disturb_(batch);
      ++next_;
    }
    return batch;
  }

 private:
  ScheduledSteps steps_;
  int64_t next_, end_;
  std::function<void(Batch&)> disturb_;
};

std::vector<std::string> settings(std::vector<std::string> more) {
  more.insert(more.begin(), {"train.steps=80", "schedule.warmup_steps=5", "schedule.type=constant",
                             "checkpoint.every=10", "checkpoint.keep=5", "spikes.window=32"});
  return moe_settings(std::move(more));
}

/// Trains with `disturb` before step 60, and `times` - 1 more, and returns the events by name and state.
std::vector<std::string> disturbed(TinyRun& run, const std::function<void(Batch&)>& disturb, int64_t times = 1) {
  Disturbed steps(run, 60, times, disturb);
  std::vector<std::unique_ptr<MetricSink>> sinks;
  auto sink = std::make_unique<RecordingSink>();
  const RecordingSink* const records = sink.get();
  sinks.push_back(std::move(sink));
  const ExitCode code =
      Trainer({run.config, run.setup, run.tokenizer, run.data.validation.get(), steps, run.store, sinks}, run.state)
          .run();
  EXPECT_EQ(code, ExitCode::kFinished);
  EXPECT_LT(records->steps.back().loss, 2.5);
  std::vector<std::string> events;
  for (const EventRecord& event : records->events) {
    const bool is_alarm = event.state == "raised" || event.state == "cleared";
    if (!is_alarm) events.push_back(event.name + " " + event.state);
  }
  return events;
}

/// Another text than the model is learning: every target is the same letter.
void spoil_text(Batch& batch) {
  batch.targets_bt.fill_('z');
}

TEST(Spikes, AnUpdateFromTextThatIsNoTextIsLeftOut) {
  for (const char* policy : {"spikes.policy=skip", "spikes.policy=roll_back"}) {
    const TempFolder folder;
    TinyRun run(folder.path(), tiny_config(settings({policy})));
    EXPECT_EQ(disturbed(run, spoil_text), std::vector<std::string>{"loss_spike skipped"}) << policy;
    EXPECT_EQ(state_of(run.state, "updates").item<float>(), 79);
  }
}

TEST(Spikes, WeightsThatWereDamagedAreTakenFromAnOlderCheckpoint) {
  for (const float damage : {30.0f, std::numeric_limits<float>::quiet_NaN()}) {
    const TempFolder folder;
    TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=roll_back"})));
    const auto damage_weights = [&](Batch&) { run.state.parameters.master().narrow(0, 1000, 4000).fill_(damage); };
    const std::vector<std::string> events = disturbed(run, damage_weights);
    ASSERT_FALSE(events.empty());
    EXPECT_TRUE(events.back().ends_with(" rolled_back")) << events.back();
    EXPECT_EQ(run.state.step, 80);
    // What it had read since is passed over.
    EXPECT_GT(run.state.loader.position(), 80 * run.config.sequences_per_step());
    EXPECT_EQ(run.store.steps().back(), 80);
  }
}

/// The mean loss of the last 50 of 300 steps, with `disturb` before step 60 (nothing: undisturbed).
double loss_at_the_end(const std::function<void(TinyRun&, Batch&)>& disturb) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=roll_back", "train.steps=300", "schedule.type=cosine",
                                                   "evaluation.every=10", "optim.learning_rate=0.001"})));
  Disturbed steps(run, disturb ? 60 : -1, 1, [&](Batch& batch) { disturb(run, batch); });
  std::vector<std::unique_ptr<MetricSink>> sinks;
  auto sink = std::make_unique<RecordingSink>();
  const RecordingSink* const records = sink.get();
  sinks.push_back(std::move(sink));
  Trainer({run.config, run.setup, run.tokenizer, run.data.validation.get(), steps, run.store, sinks}, run.state).run();
  double sum = 0;
  constexpr int kLast = 50;
  for (auto step = records->steps.end() - kLast; step != records->steps.end(); ++step) sum += step->loss;
  return sum / kLast;
}

TEST(Spikes, WhateverWentWrongTheLossIsThatOfACleanRunInTheEnd) {
  const double clean = loss_at_the_end({});
  const std::map<std::string, std::function<void(TinyRun&, Batch&)>> faults = {
      {"another text", [](TinyRun&, Batch& batch) { spoil_text(batch); }},
      {"weights that are no numbers",
       [](TinyRun& run, Batch&) { run.state.parameters.master().narrow(0, 1000, 4000).fill_(std::nanf("")); }},
      {"infinity in one expert",
       [](TinyRun& run, Batch&) {
         for (const auto& [name, values] : run.state.parameters.named(run.state.parameters.master())) {
           if (name.find("experts.1.down_proj") == std::string::npos) continue;
           values.flatten()[0].fill_(std::numeric_limits<float>::infinity());
         }
       }},
      {"a learning rate that is far too high for a while",
       [](TinyRun& run, Batch&) { run.state.parameters.master().add_(at::randn_like(run.state.parameters.master())); }},
  };
  for (const auto& [fault, disturb] : faults) EXPECT_NEAR(loss_at_the_end(disturb), clean, 0.01 * clean) << fault;
}

TEST(Spikes, TheRateIsLoweredWhenARunGoesBack) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=roll_back", "spikes.rate_factor=0.5"})));
  disturbed(run, [&](Batch&) { run.state.parameters.master().narrow(0, 1000, 4000).fill_(30); });
  EXPECT_EQ(run.state.rate_factor, 0.5);
  EXPECT_EQ(TinyRun(folder.path(), run.config).state.rate_factor, 0.5);
}

TEST(Spikes, WithoutAPolicyNothingIsDone) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({})));
  EXPECT_EQ(disturbed(run, spoil_text), std::vector<std::string>());
  EXPECT_EQ(state_of(run.state, "updates").item<float>(), 80);
}

TEST(Spikes, StopEndsTheRunWithTheLastCheckpointAsItWas) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=stop"})));
  const Thrown thrown = thrown_by([&] { disturbed(run, spoil_text); });
  EXPECT_EQ(thrown.code, ExitCode::kDiverged);
  EXPECT_NE(thrown.message.find("step 61: got a loss of "), std::string::npos) << thrown.message;
  EXPECT_EQ(run.store.steps().back(), 60);
}

TEST(Spikes, ARunThatNeedsMoreThanItsBudgetEnds) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=skip", "spikes.budget=1"})));
  int64_t spoiled = 0;
  const Thrown thrown = thrown_by([&] {
    disturbed(
        run, [&](Batch& batch) { ++spoiled, spoil_text(batch); }, 2);
  });
  EXPECT_EQ(spoiled, 2);
  EXPECT_EQ(thrown.code, ExitCode::kDiverged);
  EXPECT_NE(thrown.message.find("got 2 spikes in this run, want at most spikes.budget 1"), std::string::npos)
      << thrown.message;
}

TEST(Spikes, WithoutAnOlderCheckpointTheRunEnds) {
  const TempFolder folder;
  TinyRun run(folder.path(), tiny_config(settings({"spikes.policy=roll_back", "checkpoint.every=0"})));
  const Thrown thrown = thrown_by(
      [&] { disturbed(run, [&](Batch&) { run.state.parameters.master().narrow(0, 1000, 4000).fill_(30); }); });
  EXPECT_EQ(thrown.code, ExitCode::kDiverged);
  EXPECT_NE(thrown.message.find("want a healthy checkpoint at least spikes.back steps older"), std::string::npos);
}

TEST(Spikes, AHealthyRunIsTheSameWithAPolicyAndResumesInTheMiddleOfIt) {
  const TempFolder folder;
  const auto run_with = [&](const char* name, const char* policy, const char* stop) {
    TinyRun run(folder / name, tiny_config(settings({policy, stop})));
    run.train();
    return std::pair{bytes_of(run.state), run.state.spikes.state()};
  };
  const auto plain = run_with("plain", "spikes.policy=none", "train.stop_after=0");
  const auto watched = run_with("watched", "spikes.policy=roll_back", "train.stop_after=0");
  EXPECT_EQ(watched.first, plain.first);
  run_with("parts", "spikes.policy=roll_back", "train.stop_after=45");
  const auto parts = run_with("parts", "spikes.policy=roll_back", "train.stop_after=0");
  EXPECT_EQ(parts.first, plain.first);
  EXPECT_EQ(parts.second, watched.second);
}

SpikeConfig watching(int64_t window) {
  SpikeConfig config;
  config.window = window;
  return config;
}

TEST(SpikeWatch, NothingIsASpikeUntilHalfAWindowWasSeen) {
  SpikeWatch watch(watching(10));
  for (int step = 0; step < 4; ++step) watch.add(2, 1);
  EXPECT_TRUE(std::isinf(watch.limits().loss));
  watch.add(2, 1);
  EXPECT_DOUBLE_EQ(watch.limits().loss, 2 + 8 * 0.02);
  EXPECT_DOUBLE_EQ(watch.limits().grad_norm, std::exp(8 * 0.576));  // about a hundred times the median
}

TEST(SpikeWatch, AFewSpikesDoNotMoveTheLimit) {
  SpikeWatch watch(watching(100)), spiked(watching(100));
  for (int step = 0; step < 90; ++step) {
    watch.add(2 + 0.1 * std::sin(step), 1);
    spiked.add(2 + 0.1 * std::sin(step), 1);
  }
  for (int step = 0; step < 5; ++step) spiked.add(1000, 1000);
  EXPECT_NEAR(spiked.limits().loss, watch.limits().loss, 0.2);
}

}  // namespace
}  // namespace mm
