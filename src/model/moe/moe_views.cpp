// Stored names to views.
#include "model/moe/moe_views.h"

#include <string>

namespace mm {

MoeViews moe_views(const ModelConfig& config, const ParameterLayout& layout, const at::Tensor& flat, int64_t layer) {
  const std::string prefix = "model.layers." + std::to_string(layer) + ".mlp.";
  const auto rows = [&](const std::string& name) {
    const StoredTensor& stored = layout.find(prefix + name + ".weight");
    return flat.narrow(0, stored.offset, element_count(stored.shape)).view({stored.shape[0], -1});
  };
  MoeViews views;
  if (config.moe.router_hidden_size > 0) {
    views.gate = {rows("gate.0"), rows("gate.2")};
  } else {
    views.gate = {rows("gate")};
  }
  views.experts_gate_up = rows("experts.gate_up_proj");
  views.experts_down = rows("experts.down_proj");
  return views;
}

}  // namespace mm
