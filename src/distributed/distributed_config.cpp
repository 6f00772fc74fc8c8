// The names, ranges and help of the `distributed` section.
#include "distributed/distributed_config.h"

#include "core/config/fields.h"

namespace mm {

void DistributedConfig::visit(Fields& fields) {
  fields("shard_optimizer", shard_optimizer,
         "each process keeps and updates its part of the optimizer's state (ZeRO-1): the same bytes with less memory. "
         "auto: where the optimizer can",
         {.choices = {"auto", "on", "off"}});
  fields("expert_parallel", expert_parallel,
         "so many processes divide the experts of each layer among themselves, and send each other the tokens; each of "
         "them has an equal share. 1: every process has all experts",
         {.min = 1, .max = 65536});
  fields("timeout_seconds", timeout_seconds,
         "of several processes that train one run: all end with exit code 9 when one of them does not get on for that "
         "long, or is not there that long after the first was started",
         {.min = 2, .max = 86400, .unit = "seconds"});
}

}  // namespace mm
