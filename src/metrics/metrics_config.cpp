// The names, ranges and help of the `metrics` section.
#include "metrics/metrics_config.h"

#include "core/config/fields.h"

namespace mm {

void MetricsConfig::visit(Fields& fields) {
  fields("log_every", log_every, "a permanent progress line every so many steps; 0: only the first and the last step",
         {.min = 0, .unit = "steps"});
  fields("experts_every", experts_every, "a layer x expert table of token shares every so many steps; 0: never",
         {.min = 0, .unit = "steps"});
  fields("router_every", router_every,
         "gate gradients, churn, likeness and updates of the experts are measured at the first step and every so many; "
         "0: never",
         {.min = 0, .unit = "steps"});
  fields("tensorboard", tensorboard, "event files for TensorBoard in output/<run>/tensorboard/");
  fields("report_every", report_every,
         "output/<run>/report.html is rewritten every so many minutes and when the run ends; 0: never",
         {.min = 0, .unit = "minutes"});
}

}  // namespace mm
