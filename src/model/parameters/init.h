// First weights.
#pragma once

#include "model/model_config.h"
#include "model/parameters/parameters.h"

namespace mm {

/// Fills the master weights by `config.initialization`; norms are 1. Drawn on the CPU, so that a seed gives the same
/// model on every device. Every tensor has a random stream by its name, so that models of one seed that differ
/// elsewhere begin with the same weights where names and shapes agree: what differs between their losses is less left
/// to chance.
void initialize(Parameters& parameters, const ModelConfig& config, uint64_t seed);

}  // namespace mm
