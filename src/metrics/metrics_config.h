// The `metrics` section of a run's config.
#pragma once

#include <cstdint>

namespace mm {

class Fields;

struct MetricsConfig {
  int64_t log_every = 10;       ///< steps between permanent progress lines; 0: the first and the last step alone
  int64_t experts_every = 100;  ///< steps between expert tables; 0: never
  int64_t router_every = 50;    ///< steps between measures of the routers' gradients, churn and likeness; 0: never
  bool tensorboard = false;     ///< event files for TensorBoard
  int64_t report_every = 5;     ///< minutes between rewrites of report.html; 0: never, not even at the end

  void visit(Fields& fields);
};

}  // namespace mm
