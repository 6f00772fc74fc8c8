// The `distributed` section of a run's config: what holds where several processes train one run. No torch.
#pragma once

#include <cstdint>

namespace mm {

class Fields;

struct DistributedConfig {
  int64_t timeout_seconds = 600;  ///< that a rank may pass without a sign of life

  void visit(Fields& fields);
};

}  // namespace mm
