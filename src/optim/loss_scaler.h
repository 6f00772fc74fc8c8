// Loss scaling for fp16, whose gradients would vanish otherwise.
#pragma once

#include <ATen/core/Tensor.h>

namespace mm {

/// A factor on the loss that doubles after 2000 finite steps and halves after each one that is not finite; constant 1
/// when switched off. All on the device. Source: Micikevicius et al. 2018, arXiv 1710.03740; PyTorch's GradScaler.
class LossScaler {
 public:
  LossScaler(bool enabled, at::Device device);

  bool enabled() const { return enabled_; }
  const at::Tensor& scale() const { return scale_; }                ///< scalar fp32
  const at::Tensor& finite_steps() const { return finite_steps_; }  ///< scalar int32: since the last change
  /// `skip` is 1 when the step was not finite.
  void update(const at::Tensor& skip);

 private:
  bool enabled_;
  at::Tensor scale_, finite_steps_;
};

}  // namespace mm
