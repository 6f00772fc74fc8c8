// Muon: momentum whose singular values are all made 1, for each matrix of a model; AdamW for what is no such matrix.
#pragma once

#include <ATen/core/Tensor.h>

#include <memory>
#include <vector>

#include "optim/adamw.h"
#include "optim/muon/matrix_stack.h"

namespace mm {

/// For every weight that is a linear map W [out, in] between hidden states, each expert by itself (Jordan et al. 2024):
///   m = mu m + (1 - mu) g;  u = mu m + (1 - mu) g (Nesterov);
///   W -= lr * wd * W;  W -= lr * 0.2 sqrt(max(out, in)) * orthogonalize(u)
/// Its elements then have a root mean square of 0.2, as AdamW's updates have, so AdamW's learning rate and weight decay
/// are Muon's (Liu et al. 2025, Moonlight, arXiv 2502.16982, section 2.2). Embedding, head, routers and norms are
/// AdamW's, with the same learning rate.
/// A matrix without any gradient in a step, an expert that no token was sent to, is left to the decay: what it
/// remembers would be blown up to a whole update otherwise.
/// Products are computed in bf16 on a GPU, in fp32 on a CPU.
class Muon : public Optimizer {
 public:
  /// See make_optimizer.
  Muon(FlatBuffers buffers, const ParameterLayout& layout, const OptimConfig& config);

  void step(double learning_rate, const at::Tensor& gradient_divisor, const at::Tensor& skip) override;
  /// `momentum_buffer` of the matrices, and the state of AdamW for the rest.
  std::vector<OptimizerState> state() const override;
  void forget(FlatRange elements) override;

 protected:
  /// The root mean square of AdamW's updates, per unit of learning rate.
  static constexpr double kUpdateRms = 0.2;

  /// Of one step, by stack.
  struct Update {
    size_t stack;
    int64_t first;              ///< matrix of the stack that the tensors begin with
    at::Tensor orthogonal_nrc;  ///< [n, out, in] fp32
    at::Tensor moves_n;         ///< [n] fp32: 1 where there was a gradient, 0 where not or the step is skipped
  };
  /// Turns orthogonal matrices into updates with a root mean square of 0.2.
  virtual at::Tensor scaled(const Update& update);

  const std::vector<MatrixStack>& stacks() const { return stacks_; }
  const OptimConfig& config() const { return config_; }

 private:
  /// Matrices of one stack that are in a batch.
  struct Slice {
    size_t stack;
    int64_t first, count;
  };
  /// Matrices of one shape, tall ones turned, whose products are computed together.
  struct Batch {
    int64_t rows, columns, count = 0;
    std::vector<Slice> slices = {};
  };
  static std::vector<Batch> batches_of(const std::vector<MatrixStack>& stacks);

  /// [n, out, in]: these matrices of a flat buffer whose first element is number `begin`.
  at::Tensor view(const at::Tensor& flat, const Slice& slice, int64_t begin = 0) const;
  bool is_tall(const Slice& slice) const { return stacks_[slice.stack].rows > stacks_[slice.stack].columns; }

  OptimConfig config_;
  FlatBuffers buffers_;
  std::vector<MatrixStack> stacks_;
  std::vector<Batch> batches_;
  FlatRange matrices_;   ///< all stacks lie in it and nothing else
  at::Tensor momentum_;  ///< of the elements of matrices_
  AdamW rest_;
};

std::unique_ptr<Optimizer> make_muon(const OptimConfig& config, FlatBuffers buffers, const ParameterLayout& layout,
                                     std::vector<FlatRange> updated);
OptimizerCost muon_cost(const OptimConfig& config, const ParameterLayout& layout);

}  // namespace mm
