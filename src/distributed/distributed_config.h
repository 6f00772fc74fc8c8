// The `distributed` section of a run's config: what holds where several processes train one run. No torch.
#pragma once

#include <cstdint>
#include <string>

namespace mm {

class Fields;

struct DistributedConfig {
  std::string shard_optimizer = "auto";  ///< auto, on or off
  int64_t expert_parallel = 1;           ///< ranks that divide the experts among themselves
  int64_t timeout_seconds = 600;         ///< that a rank may pass without a sign of life

  void visit(Fields& fields);
};

}  // namespace mm
