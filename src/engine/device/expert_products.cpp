#include "engine/device/expert_products.h"

#include <ATen/ops/empty.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/text.h"
#include "engine/device/device.h"
#include "ops/cuda/launch.h"

namespace mm {

std::optional<GroupedBackend> choose_expert_products(const RunConfig& config, at::Device device, at::ScalarType type) {
  prefer_grouped_backend(std::nullopt);
  const at::TensorOptions options = at::TensorOptions().device(device).dtype(type);
  const int64_t hidden = config.model.hidden_size;
  const at::Tensor row = at::empty({1, hidden}, options);
  if (!config.model.is_moe() || !cuda::takes(row)) return std::nullopt;
  // All widths of a model are multiples of 8, so what takes one product of a layer takes the other.
  const std::vector<GroupedBackend> able =
      grouped_backends(row, at::empty({0, 2 * config.model.expert_width(), hidden}, options));
  const std::string& wanted = config.run.expert_products;
  if (wanted == "auto") return able.front();
  const auto named =
      std::find_if(able.begin(), able.end(), [&](GroupedBackend backend) { return name_of(backend) == wanted; });
  if (named == able.end()) {
    std::vector<std::string> names = {"auto"};
    for (const GroupedBackend backend : able) names.emplace_back(name_of(backend));
    const cuda::OnDevice on_device(row);
    const int capability = cuda::compute_capability();
    throw Error(ExitCode::kConfig, got_want("run.expert_products", wanted, join(names, ", "),
                                            format("what a GPU of compute capability %d.%d has for products in %s",
                                                   capability / 10, capability % 10, type_name(type))));
  }
  prefer_grouped_backend(*named);
  return *named;
}

}  // namespace mm
