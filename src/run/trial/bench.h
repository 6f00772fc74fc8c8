// How fast a config trains on this machine, on made-up tokens.
#pragma once

#include <cstdint>

#include "core/error.h"
#include "recipe/run_config.h"

namespace mm {

/// Times `steps` optimizer steps after one to warm up, with the GEMM rate measured right before each, and tells: tok/s,
/// model FLOP/s, GEMM FLOP/s and their ratio (medians), and where the time of a step goes. Of several ranks, all
/// together.
ExitCode bench_run(const RunConfig& config, int64_t steps);

}  // namespace mm
