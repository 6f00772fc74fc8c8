// The loss scale, updated on the device by ATen's kernel.
#include "optim/loss_scaler.h"

#include <ATen/ops/_amp_update_scale.h>
#include <ATen/ops/full.h>

namespace mm {

LossScaler::LossScaler(bool enabled, at::Device device)
    : enabled_(enabled),
      scale_(at::full({}, enabled ? 65536.0 : 1.0, at::TensorOptions().dtype(at::kFloat).device(device))),
      finite_steps_(at::full({}, 0, at::TensorOptions().dtype(at::kInt).device(device))) {}

void LossScaler::update(const at::Tensor& skip) {
  if (enabled_) at::_amp_update_scale_(scale_, finite_steps_, skip, 2.0, 0.5, 2000);
}

}  // namespace mm
