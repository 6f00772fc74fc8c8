// What one step leaves on the device, and its one way to the host.
#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "distributed/world.h"
#include "metrics/record.h"

namespace mm {

/// Losses of one micro-batch of a replay, before any division.
struct MicroStepResult {
  at::Tensor loss_sum;      ///< cross entropy, sum over its targets
  at::Tensor balance_loss;  ///< undefined when the model has none
  int64_t targets = 0;
};

/// Scalars (fp32) and counts of one optimizer step, on the device; and what the host knows of it.
struct StepResult {
  at::Tensor loss;              ///< cross entropy, mean over the tokens of the step
  at::Tensor balance_loss;      ///< undefined when the model has none
  at::Tensor z_loss;            ///< undefined when the model has none
  at::Tensor grad_norm;         ///< before clipping, without loss scale
  at::Tensor skipped;           ///< 1: not finite or a spike, nothing was changed
  at::Tensor loss_scale;        ///< that the step was computed with
  at::Tensor expert_tokens_le;  ///< [MoE layers, experts] int64; undefined for a dense model
  at::Tensor dropped_tokens;    ///< scalar int64: (token, expert) pairs beyond the capacity; undefined without one
  at::Tensor router_sums_lqe;   ///< [MoE layers, 2, experts] fp32: router_sums(); undefined for a dense model
  at::Tensor router_bias_le;    ///< [layers, experts] fp32, behind the update; undefined without one
  at::Tensor margins_lem;       ///< [layers, experts, bins] int32: margin_counts(); undefined unless "quantile"
  int64_t slots = 1;            ///< experts per token
  int64_t first_moe_layer = 0;  ///< the layer of the model whose experts have the first rows
  int64_t targets = 0;          ///< tokens trained on
  int64_t positions = 0;        ///< tokens fed, padding included
  /// Micro-batches accumulated over train.accumulation: the losses above are sums of this many means over that.
  double weight = 1;
  std::vector<MicroStepResult> micro_steps;  ///< of a replay

  /// What the micro-batches of one rank left becomes what those of all ranks did: sums, in the order of the ranks.
  void combine(const World& world);

  /// Reads everything in one copy into the fields of `record`: the only host synchronisation of a step.
  void read_into(StepRecord& record) const;
};

}  // namespace mm
