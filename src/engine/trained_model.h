// A model in training: all that an optimizer step changes on the device.
#pragma once

#include <memory>

#include "model/causal_lm.h"
#include "model/parameters.h"
#include "optim/loss_scaler.h"
#include "optim/optimizer.h"

namespace mm {

/// Stays where it was made: the parts hold views into the parameters.
struct TrainedModel {
  /// Parameters are not initialised.
  TrainedModel(const ModelConfig& config, const OptimConfig& optim, at::Device device, at::ScalarType compute_type)
      : parameters(config, device, compute_type),
        model(config, parameters),
        optimizer(make_optimizer(optim, parameters.master(), parameters.gradient(), parameters.layout())),
        scaler(compute_type == at::kHalf, device) {}
  TrainedModel(const TrainedModel&) = delete;
  TrainedModel& operator=(const TrainedModel&) = delete;

  Parameters parameters;
  CausalLm model;
  std::unique_ptr<Optimizer> optimizer;
  LossScaler scaler;
};

}  // namespace mm
