// A model in training: all that an optimizer step changes on the device.
#pragma once

#include "model/causal_lm.h"
#include "model/parameters.h"
#include "optim/adamw.h"
#include "optim/loss_scaler.h"

namespace mm {

/// Stays where it was made: the parts hold views into the parameters.
struct TrainedModel {
  /// Parameters are not initialised.
  TrainedModel(const ModelConfig& config, const OptimConfig& optim, at::Device device, at::ScalarType compute_type)
      : parameters(config, device, compute_type),
        model(config, parameters),
        optimizer(parameters.master(), parameters.gradient(), parameters.layout().decayed_end, optim),
        scaler(compute_type == at::kHalf, device) {}
  TrainedModel(const TrainedModel&) = delete;
  TrainedModel& operator=(const TrainedModel&) = delete;

  Parameters parameters;
  CausalLm model;
  AdamW optimizer;
  LossScaler scaler;
};

}  // namespace mm
