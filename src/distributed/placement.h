// Which process of how many this one is, as torchrun, Kubernetes, Slurm or scripts/launch.sh say it. No torch.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace mm {

/// A process among those that train one run.
struct Placement {
  int64_t rank = 0, size = 1;              ///< of all
  int64_t local_rank = 0, local_size = 1;  ///< of those on this machine
  std::string address;                     ///< where all of them meet; empty in a world of one
  int64_t port = 0;
  bool agent_keeps_store = false;  ///< torchrun itself waits at that address; else rank 0 does
  std::string attempt = "0";       ///< counts the restarts of torchrun: the processes of one attempt meet each other

  bool is_alone() const { return size == 1; }
};

/// The value of an environment variable; nothing where it is not set or empty.
using Environment = std::function<std::optional<std::string>(const char* name)>;

/// RANK, WORLD_SIZE, LOCAL_RANK, LOCAL_WORLD_SIZE, MASTER_ADDR and MASTER_PORT (torchrun, a PyTorchJob of Kubernetes,
/// scripts/launch.sh), and those by which torchrun offers its store; else what srun sets for the tasks of a step. A
/// process of its own where there are neither.
/// Throws Error(kConfig) when only some of them are there, or they contradict each other.
Placement placement_of(const Environment& environment);

/// Of this process.
Placement placement_of_this_process();

}  // namespace mm
