// The `alarms` section of a run's config: when something is worth a word.
#pragma once

#include <cstdint>

#include "metrics/alarms/expert_alarms.h"

namespace mm {

class Fields;

struct AlarmConfig {
  LoadThresholds load;
  int64_t patience = 20;           ///< steps that a load must be bad, and then good, in a row
  double collapse_experts = 1.25;  ///< effective experts, in units of top-k, below which a layer has collapsed
  double aux_floor = 0.5;       ///< part of its value at even load below which the balancing loss means something else
  double gate_gradient = 1e-4;  ///< relative gradient of a gate below which the language-model loss does not reach it
  int64_t gate_patience = 2;    ///< measures in a row
  double copies_cosine = 0.99;  ///< cosine above which two experts are copies
  int64_t copies_patience = 4;  ///< measures in a row: copies may start as such
  double loss_spike = 6;        ///< standard deviations above its mean at which a loss spikes
  int64_t loss_patience = 200;  ///< steps in a row without a word learned
  double loss_gap = 0.5;  ///< nats between validation and training above which a rising validation loss is overfit
  double slow_data_share = 0.3;  ///< part of a step's time above which waiting for its text is too much

  void visit(Fields& fields);
};

}  // namespace mm
