// The `metrics` section of a run's config.
#pragma once

#include <cstdint>

namespace mm {

class Fields;

struct MetricsConfig {
  int64_t log_every = 10;       ///< steps between permanent progress lines; 0: the first and the last step alone
  int64_t experts_every = 100;  ///< steps between expert tables; 0: never

  void visit(Fields& fields);
};

}  // namespace mm
