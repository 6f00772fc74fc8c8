// AdamW on flat buffers: one fused pass for what is decayed, one for the rest.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "optim/optimizer.h"
#include "optim/optimizer_table.h"

namespace mm {

/// Loshchilov & Hutter 2019, arXiv 1711.05101:
///   p -= lr * wd * p;  m = b1 m + (1 - b1) g;  v = b2 v + (1 - b2) g^2;
///   p -= lr * (m / (1 - b1^t)) / (sqrt(v / (1 - b2^t)) + eps)
class AdamW final : public Optimizer {
 public:
  /// Updates `parameters` from `gradients` (flat fp32 buffers of one size, kept by the caller); elements
  /// [0, decayed_end) are decayed.
  ///   ranges  what of the buffers is updated, in order and apart from each other; empty: all
  AdamW(at::Tensor parameters, at::Tensor gradients, int64_t decayed_end, const OptimConfig& config,
        std::vector<FlatRange> ranges = {});

  /// Where `skip` is 1, t stays as well.
  void step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) override;
  /// `exp_avg` and `exp_avg_sq` of each range, and `updates`: t.
  std::vector<OptimizerState> state() const override;
  void forget(FlatRange elements) override;

  const at::Tensor& first_moment() const { return first_moment_; }    ///< flat fp32, range after range
  const at::Tensor& second_moment() const { return second_moment_; }  ///< flat fp32, range after range
  const at::Tensor& updates() const { return updates_; }              ///< scalar fp32: t

 private:
  OptimConfig config_;
  int64_t decayed_end_;
  std::vector<FlatRange> ranges_;
  at::Tensor parameters_, gradients_, first_moment_, second_moment_, updates_;
};

std::unique_ptr<Optimizer> make_adamw(const OptimConfig& config, at::Tensor parameters, at::Tensor gradients,
                                      const ParameterLayout& layout, std::vector<FlatRange> updated);
OptimizerCost adamw_cost(const OptimConfig& config, const ParameterLayout& layout);

}  // namespace mm
