// Joined networks are sums: gate and up side by side, down behind each other.
#include "interchange/tensors/model_tensors.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/zeros.h>

#include <vector>

#include "core/error.h"
#include "interchange/tensors/rope_rows.h"

namespace mm {

ModelTensors::ModelTensors(const NamedTensors& tensors, const ModelConfig& model, std::string rope_layout)
    : model_(model), rope_layout_(std::move(rope_layout)) {
  for (const auto& [name, tensor] : tensors) by_name_.emplace(name, &tensor);
}

at::Tensor ModelTensors::at(std::string_view name) const {
  const auto found = by_name_.find(name);
  require(found != by_name_.end(), "a tensor of the model is not among those to be written");
  return reorder_rope_rows(*found->second, name, *model_.head_dim, model_.rope_layout, rope_layout_);
}

std::string ModelTensors::layer_prefix(int64_t layer) {
  return "model.layers." + std::to_string(layer) + ".";
}

NetworkTensors ModelTensors::network(const std::string& prefix) const {
  return {at(prefix + "gate_proj.weight"), at(prefix + "up_proj.weight"), at(prefix + "down_proj.weight")};
}

NetworkTensors ModelTensors::shared_experts(int64_t layer, int64_t width) const {
  std::vector<at::Tensor> gates, ups, downs;
  int64_t missing = width;
  for (int64_t s = 0; s < model_.moe.n_shared_experts; ++s) {
    const NetworkTensors expert = network(layer_prefix(layer) + "mlp.shared_experts." + std::to_string(s) + ".");
    missing -= expert.gate.size(0);
    gates.push_back(expert.gate);
    ups.push_back(expert.up);
    downs.push_back(expert.down);
  }
  if (missing > 0) {
    const auto options = at(layer_prefix(layer) + "mlp.experts.0.gate_proj.weight").options();
    gates.push_back(at::zeros({missing, model_.hidden_size}, options));
    ups.push_back(gates.back());
    downs.push_back(at::zeros({model_.hidden_size, missing}, options));
  }
  return {at::cat(gates), at::cat(ups), at::cat(downs, 1)};
}

at::Tensor ModelTensors::router_bias(int64_t layer) const {
  const std::string name = layer_prefix(layer) + "mlp.gate.e_score_correction_bias";
  if (!has(name)) return at::zeros({model_.moe.num_experts}, at::kFloat);
  const at::Tensor bias = at(name).to(at::kFloat);
  return model_.moe.limits_groups() ? bias - bias.min() : bias;
}

at::Tensor scaled(const at::Tensor& tensor, double factor, const std::string& where) {
  if (factor == 1) return tensor;
  const at::Tensor result = (tensor.to(at::kFloat) * factor).to(tensor.scalar_type());
  if ((at::isfinite(tensor) != at::isfinite(result)).any().item<bool>()) {
    throw Error(ExitCode::kCheckpoint, got_want(where, "values that leave their type when they are scaled",
                                                "what it can hold", "use --dtype bf16 or fp32"));
  }
  return result;
}

}  // namespace mm
