// c10d's process groups: gloo for tensors on a CPU, NCCL for those on a GPU. The only place of their headers.
#pragma once

#include <ATen/core/Tensor.h>
#include <c10/core/Device.h>

#include <memory>
#include <string>
#include <vector>

#include "distributed/meeting_point.h"
#include "distributed/placement.h"

namespace mm {

/// The ranks of a group, by their place in it.
struct Membership {
  std::string name;  ///< of the group, which no other group of these ranks has
  int64_t index = 0, count = 1;
};

/// All members call the same in the same order. What goes wrong, a connection that breaks above all, is thrown as
/// std::exception. Tensors are contiguous.
class ProcessGroup {
 public:
  /// Connects them.
  ProcessGroup(const Placement& place, const Membership& member, const MeetingPoint& meeting, at::Device device);
  ~ProcessGroup();
  ProcessGroup(const ProcessGroup&) = delete;
  ProcessGroup& operator=(const ProcessGroup&) = delete;

  /// out[m] = what member m has in in[own index]; [members, n] both.
  void all_to_all(at::Tensor out, at::Tensor in);
  /// The same of rows: receives[m] of `out` are from member m, sends[m] of `in` are for it.
  void all_to_all(at::Tensor out, at::Tensor in, std::vector<int64_t> receives, std::vector<int64_t> sends);
  /// out[m] = what member m has in `in`: [members, n] and [n].
  void all_gather(at::Tensor out, at::Tensor in);
  /// Of the first member.
  void broadcast(at::Tensor tensor);
  /// From one member to another, which calls receive().
  void send(at::Tensor tensor, int64_t to);
  void receive(at::Tensor tensor, int64_t from);

 private:
  struct Backends;
  std::unique_ptr<Backends> backends_;
};

}  // namespace mm
