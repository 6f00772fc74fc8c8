// NorMuon: Muon with AdamW's second moment for each output of a matrix.
#pragma once

#include <memory>
#include <vector>

#include "optim/muon/muon.h"

namespace mm {

/// Muon's orthogonal matrix O [out, in], with every row divided by the root of a running mean of its squares, then
/// scaled to Muon's size (Li et al. 2025, arXiv 2510.05491, algorithm 1):
///   v = b2 v + (1 - b2) mean_in(O^2);  O' = O / (sqrt(v) + eps);  W -= lr * 0.2 sqrt(out * in) / |O'| * O'
/// b2 and eps are AdamW's. So no output of a map runs ahead of the others. The v of a matrix that had no gradient stays
/// as it is.
class NorMuon final : public Muon {
 public:
  /// See make_optimizer.
  NorMuon(const FlatBuffers& buffers, const ParameterLayout& layout, const OptimConfig& config);

  /// Muon's, and `row_exp_avg_sq.<stored tensor>`, [count * out].
  std::vector<OptimizerState> state() const override;
  void forget(FlatRange elements) override;

 private:
  at::Tensor scaled(const Update& update) override;

  struct Rows {
    std::string name;
    FlatRange elements;  ///< of the tensor
    int64_t columns = 0;
    at::Tensor squares;  ///< [count * out] fp32
  };
  std::vector<Rows> rows_;
  std::vector<at::Tensor> squares_of_stack_;  ///< [n, out]: views into rows_
};

std::unique_ptr<Optimizer> make_normuon(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                        std::vector<FlatRange> updated);
OptimizerCost normuon_cost(const OptimConfig& config, const ParameterLayout& layout);

}  // namespace mm
