// A model in training: all that an optimizer step changes on the device.
#pragma once

#include <memory>

#include "engine/division.h"
#include "model/causal_lm.h"
#include "model/parameters/parameters.h"
#include "optim/loss_scaler.h"
#include "optim/optimizer.h"

namespace mm {

/// Stays where it was made: the parts hold views into the parameters.
struct TrainedModel {
  /// Parameters are not initialised.
  ///   world             the ranks that train it together, of which this is one
  ///   shards_optimizer  each of them keeps a part of the optimizer's state
  TrainedModel(const ModelConfig& config, const OptimConfig& optim, at::Device device, at::ScalarType compute_type,
               const World& world = World::alone(), bool shards_optimizer = false)
      : division(config, world, shards_optimizer),
        parameters(config, device, compute_type, /*trainable=*/true, division.experts()),
        model(config, parameters),
        optimizer(make_optimizer(optim, buffers(), parameters.layout(), division.updated())),
        scaler(compute_type == at::kHalf, device) {}
  TrainedModel(const TrainedModel&) = delete;
  TrainedModel& operator=(const TrainedModel&) = delete;

  Division division;
  Parameters parameters;
  CausalLm model;
  std::unique_ptr<Optimizer> optimizer;
  LossScaler scaler;

 private:
  /// Where others update parameters as well, the shadow follows when these are here.
  FlatBuffers buffers() const {
    return {.parameters = parameters.master(),
            .gradients = parameters.gradient(),
            .shadow = division.shards_optimizer() ? at::Tensor() : parameters.shadow()};
  }
};

}  // namespace mm
