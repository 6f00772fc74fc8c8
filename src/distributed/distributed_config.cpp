// The names, ranges and help of the `distributed` section.
#include "distributed/distributed_config.h"

#include "core/config/fields.h"

namespace mm {

void DistributedConfig::visit(Fields& fields) {
  fields("timeout_seconds", timeout_seconds,
         "of several processes that train one run: all end with exit code 9 when one of them does not get on for that "
         "long, or is not there that long after the first was started",
         {.min = 2, .max = 86400, .unit = "seconds"});
}

}  // namespace mm
