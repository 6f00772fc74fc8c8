#include "engine/device/device_graph.h"

#ifdef MM_CUDA
#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>
#endif

namespace mm {

#ifdef MM_CUDA

struct DeviceGraph::Kept {
  at::cuda::CUDAGraph graph;
};

DeviceGraph::DeviceGraph(const std::function<void()>& work) : kept_(std::make_unique<Kept>()) {
  const c10::cuda::CUDAStreamGuard own_stream(c10::cuda::getStreamFromPool());  // the default one can't be captured
  c10::cuda::getCurrentCUDAStream().synchronize();
  // Threads that read text and save go on meanwhile, and may ask for memory.
  kept_->graph.capture_begin({0, 0}, cudaStreamCaptureModeThreadLocal);
  try {
    work();
  } catch (...) {
    try {
      kept_->graph.capture_end();
    } catch (const std::exception&) {
      // A capture that failed has nothing to end; the reason is on its way.
    }
    throw;
  }
  kept_->graph.capture_end();
}

void DeviceGraph::play() {
  kept_->graph.replay();
}

#else

struct DeviceGraph::Kept {
  std::function<void()> work;
};

DeviceGraph::DeviceGraph(const std::function<void()>& work) : kept_(new Kept{work}) {}

void DeviceGraph::play() {
  kept_->work();
}

#endif

DeviceGraph::~DeviceGraph() = default;

}  // namespace mm
