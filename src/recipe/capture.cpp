#include "recipe/capture.h"

namespace mm {

const char* capture_obstacle(const RunConfig& config) {
  if (config.compat.enabled()) return "a replay computes as its trainer does";
  if (config.data.packing != "stream") return "data.packing is not stream, so that batches differ in more than tokens";
  if (config.model.is_random_in_training()) return "model.dropout or model.router_jitter draws anew every time";
  if (!config.model.is_moe()) return nullptr;
  if (config.train.precision == "fp32") return "products of experts in fp32 wait for the counts of their rows";
  if (config.run.expert_products == "by_expert") return "products by_expert wait for the counts of their rows";
  if (config.distributed.expert_parallel > 1) return "experts of other processes are asked how many rows they get";
  return nullptr;
}

}  // namespace mm
