// A replayed run as a run of ours: its rows, its records, and what a stop and a resume leave of them.
#include "train/replay/replay_steps.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "data/windows/padded_dataset.h"
#include "metrics/micro_step_sink.h"
#include "tests/unit/core/thrown.h"
#include "tests/unit/train/tiny_run.h"

namespace mm {
namespace {

/// 30 rows in batches of 4: 8 micro-steps an epoch, the last of 2 rows.
constexpr int kRows = 30;

RunConfig replay_config(const std::string& trainer, std::vector<std::string> more = {}) {
  more.insert(more.begin(), {"compat.trainer=" + trainer, "compat.epochs=2", "train.accumulation=3",
                             "data.train=text.jsonl", "optim.decay=all"});
  return tiny_config(moe_settings(more));
}

/// A replay in `folder`: from the beginning, or from its newest checkpoint on.
class TinyReplay {
 public:
  TinyReplay(const std::string& folder, const RunConfig& run_config)
      : config(run_config),
        setup(set_up_device(config.run, config.train.precision)),
        data(write_texts(folder, "text.jsonl", sentences(kRows)), "", tokenizer, config.data.sequence_length,
             replay_rules(config.compat.trainer).rows),
        store(folder + "/checkpoints", 2),
        state(config, setup, whole_text(data)) {
    if (const auto loaded = store.load_newest()) {
      state.restore(*loaded);
    } else {
      initialize(state.parameters, config.model, static_cast<uint64_t>(config.run.seed));
    }
    replay.emplace(config, data.windows(), *state.replay_start);
    auto sink = std::make_unique<RecordingSink>();
    records = sink.get();
    sinks_.push_back(std::move(sink));
    sinks_.push_back(std::make_unique<MicroStepSink>(folder, replay->plan().last_number(state.step)));
  }

  ExitCode train() {
    ReplaySteps steps(*replay, state.loader, state.model);
    return Trainer({config, setup, tokenizer, /*validation=*/nullptr, steps, store, sinks_}, state).run();
  }

  RunConfig config;
  DeviceSetup setup;
  ByteTokenizer tokenizer;
  PaddedDataset data;
  CheckpointStore store;
  TrainState state;
  std::optional<Replay> replay;
  RecordingSink* records = nullptr;

 private:
  std::vector<std::unique_ptr<MetricSink>> sinks_;
};

std::string micro_steps_in(const std::string& folder) {
  return read_file(folder + "/micro_steps.jsonl", ExitCode::kData);
}

TEST(Replay, AStoppedRunGoesOnAsIfItHadNot) {
  for (const std::string trainer : {"g2", "g3c", "g4"}) {
    SCOPED_TRACE(trainer);
    const TempFolder folder;
    const std::string whole_folder = folder / (trainer + "/whole"), parts_folder = folder / (trainer + "/parts");
    TinyReplay whole(whole_folder, replay_config(trainer));
    EXPECT_EQ(whole.train(), ExitCode::kFinished);
    EXPECT_EQ(whole.state.step, whole.replay->plan().updates());

    {
      TinyReplay first(parts_folder, replay_config(trainer, {"train.stop_after=3"}));
      EXPECT_EQ(first.train(), ExitCode::kStopped);
    }
    TinyReplay second(parts_folder, replay_config(trainer));
    EXPECT_EQ(second.state.step, 3);
    EXPECT_EQ(second.train(), ExitCode::kFinished);

    EXPECT_EQ(bytes_of(second.state), bytes_of(whole.state));
    EXPECT_EQ(micro_steps_in(parts_folder), micro_steps_in(whole_folder));
    EXPECT_EQ(std::ranges::count(micro_steps_in(whole_folder), '\n'), 16);
  }
}

TEST(Replay, EveryRowComesOnceAnEpochInTheOrderOfTheTrainer) {
  for (const std::string trainer : {"g2", "g4"}) {
    Replay replay(replay_config(trainer), kRows);
    std::vector<std::vector<int64_t>> epochs(2);
    for (int64_t update = 0; update < replay.plan().updates(); ++update) {
      for (const ReplayMicroStep& micro_step : replay.plan().of_update(update)) {
        const std::vector<int64_t> rows = replay.rows_of(micro_step);
        EXPECT_EQ(rows.size(), micro_step.batch == 7 ? 2U : 4U);
        std::vector<int64_t>& epoch = epochs[static_cast<size_t>(micro_step.epoch)];
        epoch.insert(epoch.end(), rows.begin(), rows.end());
      }
    }
    EXPECT_EQ(std::ranges::is_sorted(epochs[0]), trainer == "g2");
    std::ranges::sort(epochs[0]);
    EXPECT_EQ(std::ranges::adjacent_find(epochs[0]), epochs[0].end());
    EXPECT_EQ(epochs[0].size(), static_cast<size_t>(kRows));
  }
}

TEST(Replay, ARecordCountsRealTargetsAndAveragesItsMicroBatches) {
  const TempFolder folder;
  TinyReplay run(folder.path(), replay_config("g3c", {"train.stop_after=1"}));
  run.train();
  const StepRecord& record = run.records->steps.at(0);
  // The first group of this trainer is one micro-batch short.
  ASSERT_EQ(record.micro_batches, 2);
  ASSERT_EQ(record.micro_steps.size(), 2U);
  EXPECT_NEAR(record.loss, (record.micro_steps[0].cross_entropy + record.micro_steps[1].cross_entropy) / 2, 1e-5);
  EXPECT_NEAR(record.aux_loss, (record.micro_steps[0].aux_loss + record.micro_steps[1].aux_loss) / 2, 1e-7);
  int64_t targets = 0;
  std::vector<int64_t> tokens(32), targets_of_row(32);
  for (const MicroStepRecord& micro_step : record.micro_steps) {
    for (const int64_t row : micro_step.rows) targets += run.data.fill(row, tokens.data(), targets_of_row.data());
  }
  EXPECT_EQ(record.tokens, targets);
  // Padding is routed and counted: 8 rows of 32 positions, two experts each.
  int64_t routed = 0;
  for (int64_t expert = 0; expert < record.load.experts; ++expert) routed += record.load.at(0, expert);
  EXPECT_EQ(routed, 2 * 8 * 32);
}

TEST(Replay, DataThatMakesNoUpdateIsRefused) {
  const Thrown error = thrown_by([] {
    Replay(replay_config("g2", {"train.accumulation=20", "compat.epochs=1"}), kRows);
  });
  EXPECT_EQ(error.code, ExitCode::kData);
  EXPECT_EQ(error.message,
            "data.train: got 30 rows from epoch 0, step 0 on, which make no update, want enough for one (lower "
            "train.micro_batch or train.accumulation, or raise compat.epochs)");
}

TEST(Replay, AConfigSaysWhatMiniMindsTrainerDoesOtherwise) {
  std::vector<std::string> notes;
  const RunConfig config = load_run_config(
      "", {"compat.trainer=g4", "data.train=a.jsonl", "optim.beta2=0.999", "optim.weight_decay=0.1"}, notes);
  EXPECT_EQ(config.data.validation_fraction, 0);
  EXPECT_EQ(notes, (std::vector<std::string>{"optim.weight_decay is 0.1, MiniMind's g4 trainer has 0.01",
                                             "optim.decay is matrices, MiniMind's g4 trainer has all"}));
  const Thrown error = thrown_by([&] { load_run_config("", {"compat.trainer=g4"}, notes); });
  EXPECT_EQ(error.message,
            "--set:data.train: got 0 files, want one file (compat.trainer replays a script that reads one)");
}

}  // namespace
}  // namespace mm
