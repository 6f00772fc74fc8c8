// What a changed config means for a run that has begun. No torch.
#pragma once

#include <string>
#include <vector>

#include "data/data_config.h"

namespace mm {

/// A line for every key that changed, saying what becomes of it. Throws Error(kConfig) naming every key whose change
/// would make it another run (the model's shape, the data, the seed), with both ways out.
///   folder         the run's folder, for messages
///   before, after  resolved configs as JSON
///   step           updates done
///   replay         whether another trainer's run is replayed
std::vector<std::string> explain_changes(const std::string& folder, const std::string& before, const std::string& after,
                                         int64_t step, bool replay = false);

/// Sets what a run that began before there was such a setting did without one: `before` is its resolved config.
void keep_older_ways(const std::string& before, DataConfig& data);

/// The tokenizer that a resolved config names; empty when it names none.
std::string tokenizer_path_in(const std::string& config);

}  // namespace mm
