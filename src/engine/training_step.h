// One optimizer step on the device: micro-batch after micro-batch forward and backward, then one update.
#pragma once

#include <limits>
#include <optional>

#include "data/batch.h"
#include "distributed/world.h"
#include "engine/micro_batch_graph.h"
#include "engine/step_result.h"
#include "engine/trained_model.h"

namespace mm {

/// What one micro-batch says of the model, before any division. The graph for the backward pass hangs on it.
struct MicroBatchLosses {
  at::Tensor loss_sum;   ///< cross entropy in nats, scalar fp32: the sum over its targets
  int64_t targets = 0;   ///< how many those are
  LayerReports reports;  ///< balancing losses among them
};

/// Every position is routed. Padding is not counted, but for that of MiniMind's trainers, which count their own.
///   inspect  whether the reports are to say how large the output of each expert is
MicroBatchLosses micro_batch_losses(CausalLm& model, const Batch& batch, bool inspect = false);

/// The balancing losses and the z-loss together, scaled as they are trained with; undefined when there is none.
at::Tensor auxiliary_loss(const LayerReports& reports);

struct StepOptions {
  int64_t accumulation = 1;  ///< a loss is divided by it, however many micro-batches the step has
  double max_grad_norm = 0;  ///< 0: gradients are not clipped
  bool replay = false;       ///< the norm is rounded as PyTorch's, and the losses of every micro-batch are kept
  bool capture = false;      ///< train() plays a graph: see capture_obstacle()
};

/// Beyond which a step is not taken.
struct StepLimits {
  double loss = std::numeric_limits<double>::infinity();
  double grad_norm = std::numeric_limits<double>::infinity();
};

/// Nothing in it waits for the device. Gradients are 0 before and after. The order of calls: begin(); train(), or
/// forward() and backward(), of each micro-batch; combine() of the ranks that share them; finish_gradients(); update().
class TrainingStep {
 public:
  TrainingStep(const ModelConfig& config, const StepOptions& options, TrainedModel& trained);

  ///   micro_batches  of the step, whoever computes them
  void begin(int64_t micro_batches);
  void train(const Batch& batch);
  MicroBatchLosses forward(const Batch& batch);
  /// Adds the gradients of a micro-batch, and its numbers to the result.
  void backward(const MicroBatchLosses& losses, const Batch& batch);
  /// In a world of several ranks: gradients and numbers of all their micro-batches, summed in the order of the ranks.
  void combine();
  /// The norm, and whether the step is to be taken: it is finite, and within the limits.
  void finish_gradients(const StepLimits& limits = {});
  /// Clip, optimizer, balance. A step that is not taken changes nothing but, when it is not finite, the loss scale.
  StepResult update(double learning_rate);

  /// The micro-batch that was last trained on.
  const Batch& last_batch() const { return last_batch_; }
  /// Whether micro-batches are played by now.
  bool is_captured() const { return graph_ && graph_->is_captured(); }

 private:
  MicroBatchSums add_gradients(const MicroBatchLosses& losses) const;
  void add(const MicroBatchSums& sums, const Batch& batch);
  at::Tensor gradient_norm() const;
  at::Tensor gradient_divisor() const;

  const ModelConfig& config_;
  StepOptions options_;
  TrainedModel& trained_;
  at::Tensor loss_scale_;  ///< scalar fp32, of this step: always the same tensor
  std::optional<MicroBatchGraph> graph_;
  StepResult result_;
  at::Tensor norm_of_all_;  ///< scalar fp32: of the gradients of all ranks together; undefined in a world of one
  at::Tensor not_finite_;
  bool begun_ = false;  ///< gradients may be there
  Batch last_batch_;
};

}  // namespace mm
