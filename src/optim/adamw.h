// AdamW on flat buffers: one fused pass for what is decayed, one for the rest.
#pragma once

#include <ATen/core/Tensor.h>

#include "optim/optim_config.h"

namespace mm {

/// Loshchilov & Hutter 2019, arXiv 1711.05101:
///   p -= lr * wd * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
///   p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
class AdamW {
 public:
  /// Updates `parameters` from `gradients` (flat fp32 buffers of one size, kept by the caller); elements
  /// [0, decayed_end) are decayed.
  AdamW(at::Tensor parameters, at::Tensor gradients, int64_t decayed_end, const OptimConfig& config);

  /// One update from gradient / gradient_divisor. Where `skip` is 1 nothing changes, not even t. No host sync.
  ///   gradient_divisor, skip  scalars fp32 on the parameters' device
  void step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip);

  const at::Tensor& first_moment() const { return first_moment_; }    ///< flat fp32
  const at::Tensor& second_moment() const { return second_moment_; }  ///< flat fp32
  const at::Tensor& updates() const { return updates_; }              ///< scalar fp32: t

 private:
  OptimConfig config_;
  int64_t decayed_end_;
  at::Tensor parameters_, gradients_, first_moment_, second_moment_, updates_;
};

}  // namespace mm
