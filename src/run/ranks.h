// What the processes of one run must agree on before its first step.
#pragma once

#include <functional>
#include <string>

#include "distributed/world.h"
#include "recipe/run_config.h"
#include "run/opening/run_data.h"
#include "tokenizer/tokenizer.h"

namespace mm {

/// Forms the world that the environment says, works in it and leaves it. An error of one rank becomes that of all, told
/// by rank 0. Throws what `work` throws.
ExitCode in_world(const DistributedConfig& config, const std::function<ExitCode(World&)>& work);

/// Throws Error(kConfig) when the micro-batches of a step cannot be shared evenly, or the run is one that cannot be
/// shared at all.
void require_shareable(const RunConfig& config, int64_t ranks);

/// Throws Error(kConfig) in rank 0, which ends all, when a rank has another config or is another program.
///   version  of the program
void require_same_config(const World& world, const RunConfig& config, const std::string& version);

/// Throws Error(kData) in rank 0, which ends all, when a rank has other text or another tokenizer.
void require_same_data(const World& world, const TrainingData& data, const Tokenizer& tokenizer);

/// `4 ranks on 2 hosts: node1 (2), node2 (2)`; empty in a world of one.
std::string describe_ranks(const World& world);

}  // namespace mm
