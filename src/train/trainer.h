// The training loop.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/process/run_lock.h"
#include "data/windows/window_source.h"
#include "distributed/world.h"
#include "engine/training_step.h"
#include "train/router/router_probe.h"
#include "train/run_metrics.h"
#include "train/saver.h"
#include "train/spikes.h"
#include "train/step_source.h"

namespace mm {

/// What a trainer works with; all of it outlives the trainer.
struct TrainerParts {
  const RunConfig& config;
  const DeviceSetup& setup;
  const Tokenizer& tokenizer;
  const WindowSource* validation;  ///< null: none
  StepSource& steps;
  CheckpointStore& store;
  std::vector<std::unique_ptr<MetricSink>>& sinks;
  std::optional<PthExport> pth = {};
  const RunLock* lock = nullptr;        ///< of the run's folder, which the run must not lose
  const World& world = World::alone();  ///< rank 0 of it writes; the others have no sinks
};

/// The types of the records that a trainer writes again for the step of a state that was left before all that was due
/// behind it was done.
std::vector<std::string> undone_records(const TrainState& state);

class Trainer {
 public:
  Trainer(const TrainerParts& parts, TrainState& state);

  /// Trains until the last step or a request to stop, then saves. Returns kFinished or kStopped.
  /// Throws Error(kDiverged) after too many steps in a row that were not finite, or when weights or moments are not;
  /// Error(kStorage) when metrics or checkpoints cannot be written, Error(kData) when text cannot be read on, after an
  /// attempt to save; OtherText.
  ExitCode run();

  /// Takes the steps up to this one as run() does, but saves nothing. Evaluations and samples, which change no weights,
  /// are left out. Throws Error(kDiverged) where the run went back to an older checkpoint instead.
  void advance(int64_t step);

 private:
  /// What happens between two steps, every so many of them.
  struct Duty {
    int64_t every;  ///< steps; 0: never
    bool at_first;  ///< behind the first step, too
    bool at_last;   ///< behind the last step, too
    void (Trainer::*act)();
  };

  /// Steps and duties until the end, or StopRequested.
  void train();
  /// One optimizer step: the only place where weights change. Throws StopRequested between micro-batches, and then is
  /// as good as not begun.
  StepRecord step();
  void average_weights();
  /// What is due behind this step and not done yet.
  void do_duties();
  /// Judges a step, tells of it, and revives what died.
  void tell(StepRecord& record);
  void watch_divergence(const StepRecord& record);
  void roll_back(const RollBack& reason);

  void measure_router();
  void evaluate();
  void evaluate_average(EvaluationRecord& record);
  void sample();
  void save();
  bool is_worth_saving_before(const Error& error) const;
  void save_before_leaving();

  bool due(const Duty& duty, int64_t step) const;
  /// Besides every so many steps.
  bool save_is_due() const;
  bool is_learning() const;
  SaveNotes notes() const;
  bool asked_to_stop() const;
  void find_what_is_not_finite(StepRecord& record);

  TrainerParts parts_;
  const RunConfig& config_;
  const World& world_;
  TrainState& state_;
  TrainingStep training_;
  RunMetrics metrics_;
  Saver saver_;
  Spikes spikes_;
  std::optional<RouterProbe> probe_;  ///< of a MoE model
  std::vector<Duty> duties_;          ///< in the order in which they are done
  at::Tensor bytes_per_token_v_;
  std::optional<double> validation_loss_;  ///< behind this very step
  int64_t taken_up_at_ = -1;               ///< the step that was left before all that was due behind it was done
  double loss_ = 0;                        ///< of the last step that was finite; 0: none yet
};

}  // namespace mm
