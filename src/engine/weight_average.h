// An average of the weights of a model in training.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "model/parameters/parameters.h"

namespace mm {

/// After each step, average <- decay * average + (1 - decay) * weights, in fp32, of the flat buffer of the master
/// weights and of the router biases: one operation for each of the two. Source: Polyak averaging with an exponential
/// window, as in torch.optim.swa_utils.get_ema_multi_avg_fn. Nothing waits for the device.
///
/// Stays where it was made. The parameters outlive it.
class WeightAverage {
 public:
  WeightAverage(Parameters& parameters, double decay) : parameters_(parameters), decay_(decay) {}
  WeightAverage(const WeightAverage&) = delete;
  WeightAverage& operator=(const WeightAverage&) = delete;

  /// Takes in the weights of now; of the first call they are the average.
  void add();
  bool has_begun() const { return flat_.defined(); }
  void forget() { flat_ = bias_le_ = at::Tensor(); }

  /// Everything that a model file holds, of the average, which has begun.
  std::vector<std::pair<std::string, at::Tensor>> tensors() const { return parameters_.tensors_of(flat_, bias_le_); }
  /// It begins, with whatever memory held, until all tensors() and all of buffers() are written.
  void begin();
  /// What it is made of: flat, and the biases where there are any.
  std::vector<at::Tensor> buffers() const;

  /// The average becomes the weights that the model computes with, and they the average; a second call takes that back
  /// to the bit.
  void exchange();

 private:
  Parameters& parameters_;
  double decay_;
  at::Tensor flat_;     ///< [layout().size] fp32, undefined before it begins
  at::Tensor bias_le_;  ///< [layers, experts] fp32, undefined without biases
};

/// The model computes with the average while this lives.
class AverageInPlace {
 public:
  explicit AverageInPlace(WeightAverage& average) : average_(average) { average_.exchange(); }
  ~AverageInPlace() { average_.exchange(); }
  AverageInPlace(const AverageInPlace&) = delete;
  AverageInPlace& operator=(const AverageInPlace&) = delete;

 private:
  WeightAverage& average_;
};

}  // namespace mm
