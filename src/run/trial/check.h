// What a run would take, found out without starting it: `--check`.
#pragma once

#include <optional>

#include "interchange/weights.h"
#include "recipe/run_config.h"

namespace mm {

/// Says what a run of `config` will cost, in memory, time and text, and what model it is. Reads a sample of the text
/// and trains a few micro-batches on made-up tokens; writes nothing.
///   weights  those it starts from, where they are there
///   ranks    processes that are to train it together
/// Throws an Error with all that is missing (text, tokenizer, weights, device), each on a line, and the exit code of
/// the first, when the rest is told.
void check_run(const RunConfig& config, const std::optional<Weights>& weights, int64_t ranks = 1);

}  // namespace mm
