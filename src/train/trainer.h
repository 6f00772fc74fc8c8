// The training loop.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <vector>

#include "checkpoint/checkpoint_store.h"
#include "data/packed_dataset.h"
#include "interchange/generation.h"
#include "metrics/record.h"
#include "train/device.h"
#include "train/replay.h"
#include "train/router_probe.h"
#include "train/run_config.h"
#include "train/step_result.h"
#include "train/train_state.h"

namespace mm {

/// The weights alone for MiniMind's own programs, rewritten with every checkpoint.
struct PthExport {
  std::string path;
  const Generation& generation;
};

/// What a trainer works with; all of it outlives the trainer.
struct TrainerParts {
  const RunConfig& config;
  const DeviceSetup& setup;
  const Tokenizer& tokenizer;
  const std::optional<PackedDataset>& validation;
  CheckpointStore& store;
  std::vector<std::unique_ptr<MetricSink>>& sinks;
  std::optional<PthExport> pth = {};
  Replay* replay = nullptr;  ///< what the steps are made of when another trainer's run is replayed
};

class Trainer {
 public:
  Trainer(const TrainerParts& parts, TrainState& state);

  /// Trains until the last step or a request to stop, then saves. Returns kFinished or kStopped.
  /// Throws Error(kDiverged) after too many steps in a row that were not finite.
  ExitCode run();

 private:
  using Clock = std::chrono::steady_clock;

  /// What one optimizer step is made of.
  struct StepPlan {
    int64_t micro_batches;
    double learning_rate;
  };

  /// Of one micro-batch, before any division.
  struct Losses {
    at::Tensor sum;  ///< cross entropy, over its targets
    LayerReports reports;
  };

  /// One optimizer step: the only place where weights change.
  StepRecord step();
  StepPlan plan_step() const;
  /// Gradients of the whole step in the flat buffer, its norm, and whether it is finite.
  StepResult compute_gradients(int64_t micro_batches);
  Batch next_batch(int64_t micro_batch);
  Losses forward(const Batch& batch);
  /// Judges a step, tells of it, and revives what died.
  void tell(StepRecord& record);
  void measure_router();
  /// Whether the routers are to be measured behind the update that makes it step `step`.
  bool router_due(int64_t step) const;
  /// Adds what a replayed trainer computes behind its last update, without gradients: they are lost.
  void add_lost_micro_steps(StepResult& result);
  /// Of the flat buffer, loss scale included; a replay's is rounded as PyTorch's.
  at::Tensor gradient_norm() const;
  /// What gradients are divided by: the loss scale, and more where the norm is clipped.
  at::Tensor gradient_divisor(const StepResult& result) const;
  StepRecord record_of(const StepResult& result, double learning_rate, Clock::time_point start);
  void seed_dropout(int64_t micro_step) const;
  void watch_divergence(const StepRecord& record);

  void evaluate_now();
  void sample_now();
  /// Does nothing when this step is saved already.
  void save();
  int64_t total_steps() const;
  /// Whether what happens every `every` steps (0: never) and at the last step is due.
  bool due(int64_t every) const;
  bool asked_to_stop() const;
  void write_events(const std::vector<EventRecord>& events);
  template <class Record>
  void write(const Record& record);

  struct Evaluated {
    int64_t step = -1;
    double loss = 0;
  };

  TrainerParts parts_;
  const RunConfig& config_;
  TrainState& state_;
  Replay* replay_;
  std::optional<RouterProbe> probe_;  ///< of a MoE model
  Batch last_batch_;                  ///< what a step that is not finite is looked into with
  at::Tensor bytes_per_token_v_;
  double flops_per_token_;
  double gemm_rate_;  ///< FLOP/s, the denominator of MFU
  Evaluated last_evaluation_;
  int64_t saved_step_ = -1;
  int64_t skipped_in_a_row_ = 0;
};

}  // namespace mm
