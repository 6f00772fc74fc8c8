// Work of the device that is queued once and launched as one from then on.
#pragma once

#include <functional>
#include <memory>

namespace mm {

/// A CUDA graph. It has the addresses of all that its work reads and writes, so tensors that come from outside have to
/// stay where they are, and numbers of the host as they were. On an emulated GPU the work is done again each time.
class DeviceGraph {
 public:
  /// Queues `work`, from this thread and from that of autograd, and keeps it without doing it. What it makes stays the
  /// graph's own: playing it again writes over that.
  explicit DeviceGraph(const std::function<void()>& work);
  ~DeviceGraph();
  DeviceGraph(const DeviceGraph&) = delete;
  DeviceGraph& operator=(const DeviceGraph&) = delete;

  /// Behind what the current stream has queued.
  void play();

 private:
  struct Kept;
  std::unique_ptr<Kept> kept_;
};

}  // namespace mm
