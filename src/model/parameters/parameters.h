// The parameters of a model: flat buffers, and the leaf tensors that the forward pass reads, which are views into them.
#pragma once

#include <ATen/core/Tensor.h>

#include <string>
#include <utility>
#include <vector>

#include "model/moe/expert_exchange.h"
#include "model/moe/router/router_state.h"
#include "model/parameters/parameter_layout.h"

namespace mm {

/// Parameters and gradients of one model on one device, and the state of its routers. Master weights and gradients are
/// fp32; when the forward pass computes in 16 bit, matrices have a 16-bit shadow, which an optimizer keeps up with its
/// updates.
class Parameters {
 public:
  /// Gradients are 0. The parameters are whatever memory held until `initialize` or `copy_weights` writes every one of
  /// them (a pass of zeros first would cost as much as reading a file); what lies between them is 0 and stays it.
  /// `compute_type` is kFloat, kBFloat16 or kHalf; `trainable` false leaves out gradients. `experts` outlives the
  /// model.
  Parameters(const ModelConfig& config, at::Device device, at::ScalarType compute_type, bool trainable = true,
             const ExpertShare& experts = {});

  const ParameterLayout& layout() const { return layout_; }
  const ExpertShare& experts() const { return experts_; }
  at::ScalarType compute_type() const { return compute_type_; }
  at::Device device() const { return master_.device(); }

  const at::Tensor& master() const { return master_; }  ///< [layout().size] fp32
  const RouterState& router_state() const { return router_state_; }
  const at::Tensor& shadow() const { return shadow_; }  ///< [layout().matrix_end] of the compute type; undefined: fp32
  /// [layout().size] fp32, undefined unless trainable. 0 while nobody is at work with it: who adds to it clears it.
  const at::Tensor& gradient() const { return gradient_; }

  /// The leaf that the forward pass reads: compute type for matrices, fp32 for gates and norms. Its `.grad` is a view
  /// of `gradient()`, so a backward pass adds into the flat buffer.
  at::Tensor leaf(const std::string& stored_name) const;

  /// Copies the master matrices to their 16-bit shadow; nothing to do in fp32. Call after every change of `master()`
  /// but an optimizer's.
  void refresh_shadow();

  /// Every parameter by its checkpoint name, as a view of `flat` (master, gradient or an optimizer moment).
  ///   begin  where `flat` holds a part of such a buffer: its first element; parameters outside are left out
  std::vector<std::pair<std::string, at::Tensor>> named(const at::Tensor& flat, int64_t begin = 0) const;

  /// Everything that a model file holds: named(master()), and behind it the router biases where there are any. Of the
  /// experts, those of this process.
  std::vector<std::pair<std::string, at::Tensor>> tensors() const { return tensors_of(master_, router_state_.bias_le); }
  /// The same of other values: a flat buffer as master(), and [layers, experts].
  std::vector<std::pair<std::string, at::Tensor>> tensors_of(const at::Tensor& flat, const at::Tensor& bias_le) const;

 private:
  ExpertShare experts_;
  ParameterLayout layout_;
  std::vector<std::string> router_bias_names_;
  RouterState router_state_;
  at::ScalarType compute_type_;
  at::Tensor master_;
  at::Tensor shadow_;
  at::Tensor gradient_;
  bool trainable_;
};

}  // namespace mm
