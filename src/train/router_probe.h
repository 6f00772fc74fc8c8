// Measures of the routers that cost more than a step may: on the same few sequences every time, behind the update.
#pragma once

#include <optional>

#include "data/batch.h"
#include "metrics/record.h"
#include "train/train_state.h"

namespace mm {

/// Works in the gradient buffer, which is free between the update of one step and the next step.
class RouterProbe {
 public:
  /// Measures a MoE model on sequences taken evenly from the training data.
  RouterProbe(const RunConfig& config, TrainState& state);

  /// Keeps the weights of the experts as they are before an update: one copy of them, until measure().
  void keep_weights();
  /// Of the update since keep_weights(). Leaves where the tokens went in state.probe_experts_lns, for the next measure.
  RouterRecord measure();

 private:
  /// Leaves the gradients of `loss` in the gradient buffer. `keep_graph` when another loss of the same pass follows.
  void backward(const at::Tensor& loss, bool keep_graph);
  /// [layers] fp32: the norm of each gate's gradient in that buffer.
  at::Tensor gate_norms() const;

  const RunConfig& config_;
  TrainState& state_;
  Batch batch_;
  std::vector<at::Tensor> kept_;  ///< of each layer: gate_up, down
};

/// How many sequences are probed.
int64_t probe_sequences(const RunConfig& config);

/// TrainState::probe_experts_lns before the first measure; undefined for a dense model.
at::Tensor unknown_probe_experts(const RunConfig& config, int64_t sequence_length, at::Device device);

/// Where a forward pass over `batch` first gives what is not finite; nothing when all of it is.
std::optional<NonFinite> find_non_finite(TrainState& state, const Batch& batch);

}  // namespace mm
