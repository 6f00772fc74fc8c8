// Forward and backward of a micro-batch in one launch, where they are always the same work.
#pragma once

#include <functional>
#include <optional>

#include "data/batch.h"
#include "engine/device/device_graph.h"

namespace mm {

struct DeviceSetup;
struct RunConfig;

/// What in the device stands against capturing a micro-batch; null where nothing does.
const char* capture_obstacle(const DeviceSetup& setup);
/// Whether micro-batches of this run are to be captured, and can be.
bool captures(const RunConfig& config, const DeviceSetup& setup);

/// What a micro-batch adds to its step, on the device and without a graph of autograd. What the model does not have is
/// undefined.
struct MicroBatchSums {
  at::Tensor loss, balance_loss, z_loss;  ///< scalars fp32, divided by the accumulation
  at::Tensor expert_tokens_le, dropped_tokens, router_sums_lqe, margins_lem;  ///< as in StepResult
};

/// Computes the first batches one op after the other, captures one, and plays it for all that are like it: of the same
/// size, all of whose positions are targets of one sequence a row. Others are computed.
class MicroBatchGraph {
 public:
  /// Adds the gradients of a micro-batch to those of the step, and returns its numbers; all that it reads besides the
  /// batch stays where it is.
  using Compute = std::function<MicroBatchSums(const Batch&)>;

  MicroBatchGraph(at::Device device, Compute compute);

  MicroBatchSums operator()(const Batch& batch);
  bool is_captured() const { return graph_.has_value(); }

 private:
  at::Device device_;
  Compute compute_;
  int computed_ = 0;
  Batch inputs_;         ///< that the graph reads
  MicroBatchSums sums_;  ///< that it writes
  std::optional<DeviceGraph> graph_;
};

}  // namespace mm
