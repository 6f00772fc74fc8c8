// What several processes that train one run take each, and send each other: arithmetic on the config. No torch.
#pragma once

#include <cstdint>
#include <string>

#include "recipe/run_config.h"

namespace mm {

/// Of each of them, in bytes.
struct RankCost {
  double state = 0;    ///< weights, gradients, what its optimizer keeps
  double moments = 0;  ///< of that: what its optimizer keeps
  double sums = 0;     ///< sent in a step: gradients to be summed, and sums or new weights
  double experts = 0;  ///< sent in a step: tokens to experts of other ranks and back, in both passes
};

///   sixteen_bit  matrix products in bf16 or fp16
///   sharded      each keeps a part of the moments alone
RankCost rank_cost(const RunConfig& config, int64_t ranks, bool sixteen_bit, bool sharded);

/// The share of `ranks` times the speed of one that is left when nothing is sent while a rank computes.
///   flops      a second, of each rank
///   bandwidth  bytes a second out of each rank
double rank_efficiency(const RunConfig& config, int64_t ranks, const RankCost& cost, double flops, double bandwidth);

/// Lines for `--check`.
std::string forecast_ranks(const RunConfig& config, int64_t ranks);

}  // namespace mm
