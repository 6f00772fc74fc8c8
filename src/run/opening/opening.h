// What stands where a run is to begin or to go on: the files that it needs, the folder that it may have already.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "checkpoint/store/checkpoint_store.h"
#include "core/error.h"
#include "data/training_text.h"
#include "interchange/weights.h"
#include "recipe/run_config.h"
#include "tokenizer/tokenizer.h"
#include "train/saver.h"
#include "train/train_state.h"

namespace mm {

/// What a run needs and what is not there: text, tokenizer, weights, each with the ways out.
///   weights_open  init.from is open already, or not needed
std::vector<Error> missing_inputs(const RunConfig& config, bool weights_open);

/// Throws all of them as one Error with the exit code of the first; does nothing when there is none.
void throw_missing(const std::vector<Error>& missing);

bool is_file(const std::string& path);

/// The settings that a checkpoint was trained with, as JSON.
std::string settings_of(const RunConfig& config, const LoadedCheckpoint& loaded);

/// A run that has begun has its tokenizer. Where the config names another one that would have to be trained first, as
/// presets do that once named a .model, the run goes on with its own.
///   before  settings_of() its checkpoint
void keep_tokenizer(RunConfig& config, const std::string& before);

/// Throws Error(kConfig) when the settings would make it another run; says what else has changed.
void require_same_run(const RunConfig& config, const LoadedCheckpoint& loaded);

/// The same for a run that has begun; keeps config.json at what the run is now. Returns the settings that its steps so
/// far were trained with, those of today for a run that begins.
std::string reconcile_config(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded);

/// Where the weights for MiniMind's own programs go, if the config wants them and MiniMind has such a model.
std::optional<PthExport> pth_export(const RunConfig& config);

/// Makes true again what hangs on the newest checkpoint, whatever instant the run was interrupted at: the link to the
/// best one and the weights for MiniMind.
void restore_derived_files(const RunConfig& config, const CheckpointStore& store, const LoadedCheckpoint& loaded);

/// The state of a checkpoint, or a fresh one: from `weights` where `init.from` names some. Says which, and whether
/// another number of ranks than now has trained it.
void restore_or_initialize(const RunConfig& config, const std::optional<LoadedCheckpoint>& loaded,
                           const std::optional<Weights>& weights, int64_t ranks, TrainState& state);

/// Makes steps of a length in epochs, once it is known how long the text is: waits for that.
void settle_steps(RunConfig& config, TrainingText& train, const TrainState& state);

/// Warns where a run goes on at another learning rate than it was at.
///   before  what reconcile_config() returned
///   now     its steps settled
void warn_of_rate_change(const std::string& before, const RunConfig& now, TrainingText& train, int64_t step);

void warn_of_diverged(const CheckpointStore& store, const LoadedCheckpoint& loaded);

/// Records are synced before the checkpoint that counts on them: what is missing was taken away.
void warn_of_missing_records(const RunConfig& config, int64_t last_step, int64_t step);

/// The tokenizer of a run. Throws Error(kData) when the model has fewer tokens than it.
std::unique_ptr<Tokenizer> open_run_tokenizer(const RunConfig& config);

}  // namespace mm
