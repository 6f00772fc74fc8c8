// A model's tensors looked up by name, on their way into another program's form.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <string_view>
#include <unordered_map>

#include "checkpoint/named_tensors.h"
#include "model/model_config.h"

namespace mm {

/// A SwiGLU network: gate and up are [width, d], down is [d, width].
struct NetworkTensors {
  at::Tensor gate;
  at::Tensor up;
  at::Tensor down;
};

/// Views of `tensors` (Hugging Face names, one tensor per expert), which outlives it, with query and key rows in the
/// rotary layout asked for.
class ModelTensors {
 public:
  ModelTensors(const NamedTensors& tensors, const ModelConfig& model, std::string rope_layout);

  bool has(std::string_view name) const { return by_name_.contains(name); }
  /// Throws Error(kInternal) when there is none.
  at::Tensor at(std::string_view name) const;

  /// "model.layers.3."
  static std::string layer_prefix(int64_t layer);
  NetworkTensors network(const std::string& prefix) const;
  /// All shared experts of a layer as one network, which computes their sum, with zeros up to `width`. Zeros alone
  /// where the model has none.
  NetworkTensors shared_experts(int64_t layer, int64_t width) const;
  /// A router's bias; zeros where it has none: [experts] fp32. Where groups are limited it is shifted so that none is
  /// negative, which changes no choice: other programs leave a group out by a score of 0.
  at::Tensor router_bias(int64_t layer) const;

 private:
  std::unordered_map<std::string_view, const at::Tensor*> by_name_;
  const ModelConfig& model_;
  std::string rope_layout_;
};

/// `tensor * factor` in its own dtype. Throws Error(kCheckpoint) for a finite value that leaves it.
///   where  what is being written, for the message
at::Tensor scaled(const at::Tensor& tensor, double factor, const std::string& where);

}  // namespace mm
