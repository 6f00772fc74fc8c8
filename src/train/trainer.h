// The training loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "data/packed_dataset.h"
#include "engine/training_step.h"
#include "train/router_probe.h"
#include "train/run_metrics.h"
#include "train/saver.h"
#include "train/step_source.h"

namespace mm {

/// What a trainer works with; all of it outlives the trainer.
struct TrainerParts {
  const RunConfig& config;
  const DeviceSetup& setup;
  const Tokenizer& tokenizer;
  const std::optional<PackedDataset>& validation;
  StepSource& steps;
  CheckpointStore& store;
  std::vector<std::unique_ptr<MetricSink>>& sinks;
  std::optional<PthExport> pth = {};
};

class Trainer {
 public:
  Trainer(const TrainerParts& parts, TrainState& state);

  /// Trains until the last step or a request to stop, then saves. Returns kFinished or kStopped.
  /// Throws Error(kDiverged) after too many steps in a row that were not finite.
  ExitCode run();

 private:
  /// What happens between two steps, every so many of them.
  struct Duty {
    int64_t every;  ///< steps; 0: never
    bool at_first;  ///< behind the first step, too
    bool at_last;   ///< behind the last step, too
    void (Trainer::*act)();
  };

  /// One optimizer step: the only place where weights change.
  StepRecord step();
  /// Judges a step, tells of it, and revives what died.
  void tell(StepRecord& record);
  void watch_divergence(const StepRecord& record);

  void measure_router();
  void evaluate();
  void sample();
  void save();

  bool due(const Duty& duty, int64_t step) const;
  bool asked_to_stop() const;
  void seed_dropout(int64_t micro_batch) const;

  TrainerParts parts_;
  const RunConfig& config_;
  TrainState& state_;
  TrainingStep training_;
  RunMetrics metrics_;
  Saver saver_;
  std::optional<RouterProbe> probe_;  ///< of a MoE model
  std::vector<Duty> duties_;          ///< in the order in which they are done
  at::Tensor bytes_per_token_v_;
  std::optional<double> validation_loss_;  ///< behind this very step
  int64_t skipped_in_a_row_ = 0;
};

}  // namespace mm
