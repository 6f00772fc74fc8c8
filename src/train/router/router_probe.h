// Measures of the routers that cost more than a step may: on the same few sequences every time, behind the update.
#pragma once

#include <vector>

#include "data/batch.h"
#include "metrics/record.h"
#include "model/moe/moe_views.h"
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
  /// What an update of an expert is measured by.
  struct ExpertWeights {
    at::Tensor gate_up_ep, down_ep;
  };

  /// One forward pass, and the gate gradients of each loss alone.
  LayerReports measure_gradients(RouterRecord& record);
  /// Likeness of the experts, and how far the update moved each.
  void measure_weights(RouterRecord& record);
  /// Size of the experts' outputs, and the tokens that changed their expert.
  void measure_tokens(const LayerReports& reports, RouterRecord& record);

  /// The experts of one MoE layer in a flat buffer; rows count those layers alone.
  MoeViews views_of(const at::Tensor& flat, int64_t row) const;
  /// Leaves the gradients of `loss` in the gradient buffer. `keep_graph` when another loss of the same pass follows.
  void backward(const at::Tensor& loss, bool keep_graph);
  /// Of each MoE layer: the norm of the gate's gradient in that buffer, without loss scale.
  std::vector<double> gate_norms() const;

  const RunConfig& config_;
  TrainState& state_;
  Batch batch_;
  std::vector<ExpertWeights> kept_;  ///< of each MoE layer
};

}  // namespace mm
