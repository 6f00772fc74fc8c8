// The graph has memory of its own for all between the batch and its numbers, so what the batches before it have left
// with the allocator is given back first.
#include "engine/micro_batch_graph.h"

#include <utility>

#include "engine/device/device.h"
#include "recipe/capture.h"

namespace mm {
namespace {

constexpr int kComputedFirst = 2;  // libraries make handles, workspaces and tables at their first call

bool is_plain(const Batch& batch) {
  return batch.targets == batch.tokens_bt.numel() && !batch.counted_bt.defined() && !batch.document_ends_s.defined();
}

at::Tensor copy_of(const at::Tensor& x) {
  return x.defined() ? x.clone() : x;
}

}  // namespace

const char* capture_obstacle(const DeviceSetup& setup) {
  if (!setup.device.is_cuda()) return "there is no GPU";
  if (setup.expert_products == GroupedBackend::kByExpert) {
    return "products by_expert wait for the counts of their rows, and are what this GPU has for this precision";
  }
  return nullptr;
}

bool captures(const RunConfig& config, const DeviceSetup& setup) {
  return config.train.cuda_graph && capture_obstacle(config) == nullptr && capture_obstacle(setup) == nullptr;
}

MicroBatchGraph::MicroBatchGraph(at::Device device, Compute compute) : device_(device), compute_(std::move(compute)) {}

MicroBatchSums MicroBatchGraph::operator()(const Batch& batch) {
  const bool fits = is_plain(batch) && (!graph_ || batch.tokens_bt.sizes() == inputs_.tokens_bt.sizes());
  if (!fits || computed_ < kComputedFirst) {
    if (fits) ++computed_;
    return compute_(batch);
  }
  if (!graph_) {
    inputs_ = {batch.tokens_bt.clone(), batch.targets_bt.clone(), batch.targets};
    synchronize(device_);
    give_back_cached_memory(device_);
    graph_.emplace([this] { sums_ = compute_(inputs_); });
  }
  inputs_.tokens_bt.copy_(batch.tokens_bt);
  inputs_.targets_bt.copy_(batch.targets_bt);
  graph_->play();
  return {copy_of(sums_.loss),           copy_of(sums_.balance_loss),
          copy_of(sums_.z_loss),         copy_of(sums_.expert_tokens_le),
          copy_of(sums_.dropped_tokens), copy_of(sums_.router_sums_lqe),
          copy_of(sums_.margins_lem)};
}

}  // namespace mm
