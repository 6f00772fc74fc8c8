// How large a model is and what a token costs: arithmetic on the config. No torch.
#pragma once

#include "model/model_config.h"

namespace mm {

struct ParameterCount {
  int64_t total = 0;   ///< a tied head counted once
  int64_t active = 0;  ///< parameters that one token passes: all but the routed experts it is not sent to
};

ParameterCount count_parameters(const ModelConfig& config);

/// Floating-point operations of one trained token, forward and backward: 6 for every parameter of a matrix product that
/// the token passes (embedding look-up is free, a tied head is not) and 6 * head width * time for causal attention in
/// each layer (half of the full square).
double flops_per_token(const ModelConfig& config, int64_t sequence_length);

}  // namespace mm
