// c10d's process groups: gloo for tensors on a CPU, NCCL for those on a GPU. The only place of their headers.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>

#include "distributed/meeting_point.h"
#include "distributed/placement.h"

namespace mm {

/// All ranks call the same in the same order. What goes wrong, a connection that breaks above all, is thrown as
/// std::exception. Tensors are contiguous.
class ProcessGroup {
 public:
  /// Connects the ranks.
  ProcessGroup(const Placement& place, const MeetingPoint& meeting, at::Device device);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// out[r] = what rank r has in in[own rank]; [ranks, n] both.
  void all_to_all(at::Tensor out, at::Tensor in);
  /// out[r] = what rank r has in `in`: [ranks, n] and [n].
  void all_gather(at::Tensor out, at::Tensor in);
  /// Of rank 0.
  void broadcast(at::Tensor tensor);

 private:
  struct Backends;
  std::unique_ptr<Backends> backends_;
};

}  // namespace mm
