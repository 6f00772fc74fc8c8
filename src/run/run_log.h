// What a run says of itself in its log: the first lines and the last.
#pragma once

#include <string>

#include "data/training_text.h"
#include "engine/device/device.h"
#include "recipe/run_config.h"
#include "train/replay/replay_plan.h"
#include "train/train_state.h"

namespace mm {

/// The program, the model and the device.
///   version  of the program; empty: not known
void log_model(const RunConfig& config, const DeviceSetup& setup, const std::string& version);
/// What was set for a GPU, and does nothing on the device that there is.
void warn_of_idle_settings(const RunConfig& config, const DeviceSetup& setup);
/// Of a run whose steps are known; `step` updates were done and `position` sequences seen when it began.
void log_packed_data(const RunConfig& config, const TextTotals& text, int64_t step, int64_t position);
/// Says how much text there is, once that is known, and how long the run is with it. What was tokenized behind the
/// training is then compared with what the run was trained on before (keep_data_file). Another text is an error of the
/// training.
///   step, position  updates done and sequences seen so far
void follow_data(const RunConfig& config, TrainingText& train, int64_t step, int64_t position);
/// Waits some seconds for that at the end of a run, which may have been shorter than its text is long, and says so
/// where they are not enough. Throws what came to light.
void finish_data(TrainingText& train);
void log_replay(const RunConfig& config, const TextTotals& text, const ReplayPlan& plan);

/// `2 alarms stood: loss exploded, layer 1 expert 2 dead`; empty where none does.
std::string standing_alarms(const TrainState& state);

}  // namespace mm
