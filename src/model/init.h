// First weights.
#pragma once

#include "model/model_config.h"
#include "model/parameters.h"

namespace mm {

/// Fills the master weights by `config.initialization`; norms are 1. Drawn on the CPU, one tensor after
/// another as ParameterLayout::named lists them, so that a seed gives the same model on every device.
void initialize(Parameters& parameters, const ModelConfig& config, uint64_t seed);

}  // namespace mm
