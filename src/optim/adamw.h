// AdamW on flat buffers.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "optim/optimizer.h"
#include "optim/optimizer_table.h"

namespace mm {

/// What adamw_update() does, for all of the buffers or some ranges of them.
class AdamW final : public Optimizer {
 public:
  /// Elements [0, decayed_end) are decayed.
  ///   ranges  what of the buffers is updated, in order and apart from each other; empty: all
  AdamW(FlatBuffers buffers, int64_t decayed_end, const OptimConfig& config, std::vector<FlatRange> ranges = {});

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
  FlatBuffers buffers_;
  at::Tensor first_moment_, second_moment_, updates_;
};

std::unique_ptr<Optimizer> make_adamw(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                      std::vector<FlatRange> updated);
OptimizerCost adamw_cost(const OptimConfig& config, const ParameterLayout& layout);

}  // namespace mm
