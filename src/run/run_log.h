// What a run says of itself in its log: the first lines and the last.
#pragma once

#include <string>

#include "data/window_source.h"
#include "engine/device.h"
#include "recipe/run_config.h"
#include "train/replay/replay_plan.h"
#include "train/train_state.h"

namespace mm {

/// The program, the model and the device.
///   version  of the program; empty: not known
void log_model(const RunConfig& config, const DeviceSetup& setup, const std::string& version);
/// Of a run whose steps are known.
void log_packed_data(const RunConfig& config, const WindowSource& train, const TrainState& state);
void log_replay(const RunConfig& config, const WindowSource& train, const ReplayPlan& plan);

/// `2 alarms stood: loss exploded, layer 1 expert 2 dead`; empty where none does.
std::string standing_alarms(const TrainState& state);

}  // namespace mm
