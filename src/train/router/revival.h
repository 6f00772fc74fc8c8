// Bringing dead experts back.
#pragma once

#include <vector>

#include "metrics/alarms/alarm.h"
#include "metrics/record.h"
#include "train/train_state.h"

namespace mm {

/// Revives, by `config.revival`, each expert that an alarm of the kinds dead or collapse stands for and that was not
/// revived within the cooldown. Between two steps: changes weights, moments and biases of `state` in place, by random
/// numbers of (seed, step, layer, expert) alone. Returns what was done.
///   standing  the alarms that stand behind this step
///   record    of this step, which tells who is busy and who starves
std::vector<EventRecord> revive_experts(const std::vector<AlarmSubject>& standing, const StepRecord& record,
                                        const RunConfig& config, TrainState& state);

}  // namespace mm
